"""Steps 3 to 5: a side database with its extensions, ready to be restored into."""

from __future__ import annotations

from bot.core.codec import to_json
from bot.core.errors import StepFailed
from bot.core.extension_versions import TIMESCALEDB
from bot.core.plan import Plan, StepName
from bot.core.steps.stage import Intent, Outcome, Stage, Work

PG_CRON = "pg_cron"
"""Can be created only in the database that cron.database_name names, so it waits for the cut-over.

Source: pg_cron's CREATE EXTENSION script, "can only create extension in database …".
"""


def comment(plan: Plan) -> str:
    """Return the side database's comment, by which a later run knows whose it is."""
    return made_by(plan.run_id, plan.target.database)


def made_by(run_id: str, database: str) -> str:
    """Return the comment of the database that a run made to be that one."""
    return f"tsbot restore run {run_id} of {database}"


def wanted_extensions(work: Work) -> tuple[str, ...]:
    """Return what is created beforehand: the settings' extensions and the dump's, less pg_cron."""
    names = dict.fromkeys((*work.plan.target.extensions, *work.toc.extensions()))
    first = (TIMESCALEDB,) if TIMESCALEDB in names else ()
    return (*first, *(n for n in names if n not in {TIMESCALEDB, PG_CRON}))


def _drop_intent(work: Work) -> Intent:
    """The old one's grants and settings go into the log: nothing else will hold them."""
    live = work.plan.live
    if live is None:
        return Intent("nothing to drop: the database does not exist yet")
    settings = work.cluster.database_settings(live.name)
    return Intent(
        f"drop {live.name} (oid {live.oid}) for good",
        {"oid": live.oid, "settings": to_json(settings)},
    )


def _drop(work: Work) -> Outcome:
    live = work.plan.live
    if live is None:
        return Outcome("nothing to drop")
    found = work.cluster.find_database(live.name)
    if found is None:
        raise StepFailed(f"{live.name} is gone already, and not by this run")
    if found.oid != live.oid:
        raise StepFailed(f"{live.name} is not the database that was approved to be dropped")
    settings = to_json(work.cluster.database_settings(live.name))
    work.cluster.drop_database(live.name)
    return Outcome(f"dropped {live.name}", {"oid": live.oid, "settings": settings})


def _is_dropped(work: Work) -> Outcome | None:
    live = work.plan.live
    if live is None or work.cluster.database_by_oid(live.oid) is not None:
        return None
    settings = work.intents.get(StepName.DROP_DATABASE, {}).get("settings")
    return Outcome(f"dropped {live.name}", {"oid": live.oid, "settings": settings})


def _create_intent(work: Work) -> Intent:
    return Intent(f"create database {work.plan.side} from template0", {"name": work.plan.side})


def _create(work: Work) -> Outcome:
    _drop_side(work)  # what a crash has left of it
    facts = work.cluster.create_database(work.plan.side, work.plan.live, comment(work.plan))
    return Outcome(f"created {facts.name}", {"oid": facts.oid, "name": facts.name})


def _drop_side(work: Work) -> str:
    """Drop the side database, unless the cut-over has made it the live one.

    Its name holds the run's id. Its comment does as well, or is missing still.
    """
    side = work.cluster.find_database(work.plan.side)
    if side is None:
        return ""
    if side.comment not in {comment(work.plan), ""} and side.oid != work.side_oid():
        raise StepFailed(f"{work.plan.side} was not created by this run; it is left alone")
    work.cluster.drop_database(side.name)
    return f"dropped {side.name}"


def _is_created(work: Work) -> Outcome | None:
    side = work.cluster.find_database(work.plan.side)
    if side is None or side.comment != comment(work.plan):
        return None
    return Outcome(f"created {side.name}", {"oid": side.oid, "name": side.name})


def _extensions_intent(work: Work) -> Intent:
    return Intent(f"create {', '.join(wanted_extensions(work))}")


def _extensions(work: Work) -> Outcome:
    names = wanted_extensions(work)
    for done, name in enumerate(names):
        work.progress(done / len(names), name)
        version = work.manifest.timescaledb_version if name == TIMESCALEDB else ""
        work.side.create_extension(name, version or None)
    installed = work.side.extensions()
    return Outcome(
        ", ".join(f"{n} {installed.get(n, '?')}" for n in names),
        {"extensions": {n: installed.get(n, "") for n in names}},
    )


def _are_installed(work: Work) -> Outcome | None:
    installed, names = work.side.extensions(), wanted_extensions(work)
    if not set(names) <= installed.keys():
        return None
    return Outcome("all there", {"extensions": {n: installed[n] for n in names}})


def _pre_restore_intent(_: Work) -> Intent:
    return Intent("call timescaledb_pre_restore(): restoring on, background workers off")


def _pre_restore(work: Work) -> Outcome:
    work.side.pre_restore()
    if work.side.restoring() != "on":
        raise StepFailed("timescaledb_pre_restore() did not turn timescaledb.restoring on")
    return Outcome("timescaledb.restoring is on")


def _is_restoring(work: Work) -> Outcome | None:
    return Outcome("timescaledb.restoring is on") if work.side.restoring() == "on" else None


DROP = Stage(StepName.DROP_DATABASE, _drop_intent, _drop, probe=_is_dropped)
CREATE = Stage(
    StepName.CREATE_DATABASE, _create_intent, _create, undo=_drop_side, probe=_is_created
)
EXTENSIONS = Stage(StepName.EXTENSIONS, _extensions_intent, _extensions, probe=_are_installed)
PRE_RESTORE = Stage(StepName.PRE_RESTORE, _pre_restore_intent, _pre_restore, probe=_is_restoring)
