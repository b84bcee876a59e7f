"""A repair's steps: each does what was found to be needed, and says what is true afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.core.change_run import ChangeWork
from bot.core.errors import StepFailed
from bot.core.models import RestoringLayer
from bot.core.plan import StepName
from bot.core.remedies import Raised, Remedies
from bot.core.restoring import named
from bot.core.steps.server import poll, restart_server
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.wording import duration
from bot.core.worker_ladder import LAUNCHER_RETURNS, Climbed, Ladder, Rung, Workers

_ASK = "restart_background_workers()"
_HEARD_WITHIN = 10  # seconds until a reloaded setting is in force in new sessions


def access(found: Remedies) -> Stage[ChangeWork]:
    """Open the live database that a run which broke off has left shut."""
    limit = -1 if found.open_with is None else found.open_with

    def act(work: ChangeWork) -> Outcome:
        name = work.target.database
        work.cluster.limit_connections(name, limit)
        work.cluster.allow_connections(name, True)
        return Outcome(f"{name} accepts connections again, limit {limit if limit >= 0 else 'none'}")

    intent = f"ALLOW_CONNECTIONS true, CONNECTION LIMIT {limit}"
    return Stage(StepName.REPAIR_ACCESS, lambda _: Intent(intent), act)


def hold(found: Remedies) -> Stage[ChangeWork]:
    """Pause retention before anybody wakes it: all that is old is due in the first second."""
    numbers = ", ".join(map(str, found.hold))

    def act(work: ChangeWork) -> Outcome:
        work.live.set_scheduled(found.hold, False)
        there = work.cluster.find_database(work.target.database)
        facts = {"waiting": list(found.hold), "oid": there.oid if there else 0}
        return Outcome(f"paused: job {numbers}; an approver lets retention run again", facts)

    intent = Intent(f"pause retention: job {numbers}", {"paused": list(found.hold)})
    return Stage(StepName.REPAIR_RETENTION, lambda _: intent, act)


def restoring(found: Remedies) -> Stage[ChangeWork]:
    """Reset timescaledb.restoring where it concerns this database alone."""
    where = ", ".join(map(named, found.reset_here))

    def act(work: ChangeWork) -> Outcome:
        _reset(work, found.reset_here)
        value = work.live.restoring()
        others = f", for it is set elsewhere: see {_elsewhere(found)}" if value != "off" else ""
        return Outcome(f"reset: {where}; {value} in a new session{others}")

    intent = Intent(f"reset timescaledb.restoring: {where}")
    return Stage(StepName.REPAIR_RESTORING, lambda _: intent, act)


def _elsewhere(found: Remedies) -> str:
    return ", ".join(map(named, found.there())) or "the checklist"


def _reset(work: ChangeWork, layers: Sequence[RestoringLayer]) -> None:
    """Reset each layer, and look in a session of its own whether it is gone."""
    for layer in layers:
        work.live.reset_restoring(layer)
    gone = poll(work, _HEARD_WITHIN, lambda: not set(layers) & set(work.live.restoring_layers()))
    if not gone:
        left = set(layers) & set(work.live.restoring_layers())
        raise StepFailed(f"still on after its reset: {', '.join(map(named, left))}")


def wake() -> Stage[ChangeWork]:
    """Ask for this database's workers, twice; a launcher that was ended comes back by itself."""

    def intent(work: ChangeWork) -> Intent:
        return Intent(f"{_ASK} in {work.live.name}, and again where that does not do")

    def act(work: ChangeWork) -> Outcome:
        return _woken(work)

    return Stage(StepName.REPAIR_WORKERS, intent, act)


def _woken(work: ChangeWork) -> Outcome:
    ladder = _ladder(work)
    if ladder.look().launcher is None:
        poll(work, LAUNCHER_RETURNS, lambda: ladder.look().launcher is not None)
    half = work.target.worker_timeout / 2
    ask, before = work.live.restart_workers, ladder.look()
    rungs = (Rung(_ASK, ask, half, True), Rung(f"{_ASK} again", ask, half, True))
    # The first is taken in any case: a scheduler that is there may not have heard of its jobs.
    climbed = ladder.climb(rungs)
    if before.complete:  # the one that was asked to go may still be there
        poll(work, half, lambda: _replaced(before, ladder.look()))
    return _told(work, climbed)


def _replaced(before: Workers, now: Workers) -> bool:
    return now.complete and now.scheduler != before.scheduler


def _told(work: ChangeWork, climbed: Sequence[Climbed]) -> Outcome:
    now = _ladder(work).look()
    after = f" after {climbed[-1].means}" if climbed else ""
    return Outcome(f"{now}{after}", {"complete": now.complete}, tail="\n".join(map(str, climbed)))


def _ladder(work: ChangeWork) -> Ladder:
    return Ladder(work.live, work.cluster, work.clock, lambda note: work.progress(0, note))


def settings(found: Remedies) -> Stage[ChangeWork]:
    """Change what was approved of the server's settings."""
    told = [f"{r.name} {r.old} → {r.new}" for r in found.raised if not r.written]
    told += [f"timescaledb.restoring RESET in {named(layer)}" for layer in found.there()]

    def act(work: ChangeWork) -> Outcome:
        for raised in found.raised:
            _raise(work, raised)
        _reset(work, found.there())
        done = "; ".join(told) or "the settings are written already"
        if found.raised or not found.wake:
            return Outcome(done)
        woken = _woken(work)
        return Outcome(f"{done}; {woken.summary}", woken.facts, tail=woken.tail)

    intent = Intent("; ".join(told) or "none has to be written any more")
    return Stage(StepName.REPAIR_SETTINGS, lambda _: intent, act)


def _raise(work: ChangeWork, raised: Raised) -> None:
    if not raised.written:
        work.cluster.change_setting(raised.name, raised.new)


def launcher() -> Stage[ChangeWork]:
    """End the launcher: the new one looks at all databases anew."""

    def intent(_: ChangeWork) -> Intent:
        return Intent("end TimescaleDB's launcher; jobs of all databases pause until it is back")

    def act(work: ChangeWork) -> Outcome:
        rung = Rung("end the launcher", work.cluster.terminate_launcher, LAUNCHER_RETURNS)
        return _told(work, _ladder(work).climb((rung,)))

    return Stage(StepName.REPAIR_LAUNCHER, intent, act)


def restart(found: Remedies) -> Stage[ChangeWork]:
    """Restart PostgreSQL: for a setting that needs it, or where nothing else helped."""

    def intent(work: ChangeWork) -> Intent:
        when = "" if found.raised else ", unless the workers are back by then"
        return Intent(f"restart container {work.container.name}{when}")

    def act(work: ChangeWork) -> Outcome:
        if not found.raised and _ladder(work).look().complete:
            return Outcome("not needed: the workers are back")
        seconds = restart_server(work)
        _ladder(work).wait(work.target.worker_timeout)
        told = f"PostgreSQL restarted, answering after {duration(seconds)}"
        return Outcome(f"{told}; {_ladder(work).look()}")

    return Stage(StepName.RESTART, intent, act)


MAKERS: dict[StepName, Callable[[Remedies], Stage[ChangeWork]]] = {
    StepName.REPAIR_ACCESS: access,
    StepName.REPAIR_RETENTION: hold,
    StepName.REPAIR_RESTORING: restoring,
    StepName.REPAIR_WORKERS: lambda _: wake(),
    StepName.REPAIR_SETTINGS: settings,
    StepName.REPAIR_LAUNCHER: lambda _: launcher(),
    StepName.RESTART: restart,
}
"""The stages of a repair but the last, by name."""
