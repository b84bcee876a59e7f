"""Step 2: end the old database's sessions and put the restored one in its place."""

from __future__ import annotations

from bot.core.codec import from_json
from bot.core.database_settings import DatabaseSettings
from bot.core.extension_versions import TIMESCALEDB
from bot.core.models import Facts
from bot.core.plan import StepName
from bot.core.steps.cron import PAUSED, paused_before, restore_cron, to_pause
from bot.core.steps.renaming import armed_retention, exchange_names, note_written, require
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.wording import counted


def _intent(work: Work) -> Intent:
    plan = work.plan
    live = plan.target.database
    noted = work.intents.get(StepName.CUT_OVER)
    if work.turned and noted:  # what was so before the renames can be asked no more
        return Intent(f"finish the cut-over: {live} is the restored database already", noted)
    facts: Facts = {
        "side_oid": work.side_oid(),
        "written": note_written(work.side),
        PAUSED: to_pause(work),
    }
    if plan.replaced is None:
        return Intent(f"rename {plan.side} to {live}", facts)
    return Intent(
        f"end all sessions of {live}, rename it to {plan.set_aside} and {plan.side} to {live}",
        {
            **facts,
            "oid": plan.replaced.oid,
            "set_aside": plan.set_aside,
            "retention": armed_retention(work.live),
        },
    )


def _cut_over(work: Work) -> Outcome:
    plan = work.plan
    live = plan.target.database
    if work.turned:  # a process, or the server, died right after the renames
        facts: Facts = work.facts.get(StepName.CUT_OVER) or {
            "ended": 0,
            "set_aside": plan.set_aside if plan.replaced else "",
            PAUSED: paused_before(work),
        }
        return _settle(work, facts, 0)
    renames = [(plan.side, live)]
    require(work, work.side_oid(), plan.side)
    if plan.replaced is not None:
        require(work, plan.replaced.oid, live)
    work.cluster.apply_settings(plan.side, _settings(work))
    if plan.replaced is not None:
        work.cluster.allow_connections(live, False)
        renames.insert(0, (live, plan.set_aside))
    paused = to_pause(work)
    ended = exchange_names(work, renames)
    facts = {
        "ended": ended,
        "set_aside": plan.set_aside if plan.replaced else "",
        PAUSED: paused,
    }
    work.facts[StepName.CUT_OVER] = facts  # committed: whatever fails from here on, no way back
    return _settle(work, facts, ended)


def _settings(work: Work) -> DatabaseSettings:
    """What the old database had; where it was dropped before, the log has it."""
    if work.plan.replaced is not None:
        return work.cluster.database_settings(work.plan.replaced.name) or DatabaseSettings()
    noted = work.facts.get(StepName.DROP_DATABASE, {}).get("settings")
    return from_json(DatabaseSettings, noted) if noted else DatabaseSettings()


def _settle(work: Work, facts: Facts, ended: int) -> Outcome:
    """Wake the workers and bring in pg_cron; repeated after a crash."""
    plan = work.plan
    work.live.restart_workers()
    cron = restore_cron(work)
    kept = f"; the old database is kept as {plan.set_aside}" if plan.replaced else ""
    return Outcome(
        f"{plan.target.database} is now the restored database, "
        f"{counted(ended, 'session')} ended{kept}{cron}",
        facts,
    )


def _undo(work: Work) -> str:
    """Let clients into the old database again, unless the renames were committed."""
    plan = work.plan
    if plan.replaced is None:
        return ""
    found = work.cluster.database_by_oid(plan.replaced.oid)
    if found is None or found.name != plan.target.database:
        return ""
    if found.allows_connections:
        return f"{found.name} accepts connections"
    work.cluster.allow_connections(found.name, True)
    if TIMESCALEDB in work.live.extensions():
        work.live.restart_workers()
    return f"{found.name} accepts connections again"


# Without a probe: where the run is found to have turned, only what follows the renames is done
# again, and each of that puts the same in the place of the same.
CUT_OVER = Stage(StepName.CUT_OVER, _intent, _cut_over, undo=_undo)
