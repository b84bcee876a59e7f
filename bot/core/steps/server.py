"""Steps 8 and 9: restart PostgreSQL, and see TimescaleDB's workers of this database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.core.errors import StepFailed, Unavailable
from bot.core.models import Restart, ServerIdentity
from bot.core.plan import StepName
from bot.core.steps.stage import Intent, Outcome, Stage, Tools
from bot.core.wording import duration
from bot.core.worker_ladder import LAUNCHER_RETURNS, PAUSE, Climbed, Ladder, Rung

_STARTED = "server_started"
"""The fact of the restart's intent that says since when the server had run."""


def poll(work: Tools, seconds: float, ready: Callable[[], bool]) -> bool:
    """Look until ``ready`` or until that much time has passed, and return whether it became so."""
    waited = 0.0
    while not ready():
        if waited >= seconds:
            return False
        work.clock.wait(PAUSE)
        waited += PAUSE
    return True


def _restart_intent(work: Tools) -> Intent:
    others = _others(work)
    started = work.cluster.identity().started_at.isoformat()
    return Intent(
        f"restart container {work.container.name}{_also(others)}",
        {"others": others, _STARTED: started},
    )


def _others(work: Tools) -> list[str]:
    """Return the other databases whose clients a restart would throw out."""
    return sorted(
        {
            s.database
            for s in work.cluster.sessions()
            if s.backend_type == "client backend" and s.database != work.live.name
        }
    )


def _also(others: list[str]) -> str:
    return f", which also ends the sessions of {', '.join(others)}" if others else ""


def _restart(work: Tools) -> Outcome:
    return Outcome(f"PostgreSQL restarted, answering after {duration(restart_server(work))}")


def _is_restarted(work: Tools) -> Outcome | None:
    before = work.intents.get(StepName.RESTART, {}).get(_STARTED)
    now = work.cluster.identity().started_at
    if not isinstance(before, str) or now <= datetime.fromisoformat(before):
        return None
    return Outcome(f"PostgreSQL restarted, at {now:%H:%M:%S} UTC")


def restart_server(work: Tools) -> float:
    """Restart PostgreSQL by way of its container, take the lock again, and return the seconds.

    Raises:
        StepFailed: it does not answer within the time the settings give it.
    """
    before = work.cluster.identity()
    work.cluster.checkpoint()
    timeout = work.target.restart_timeout
    started = work.clock.now()
    work.host.restart(work.container.id, timeout)
    if not poll(work, timeout, lambda: _came_back(work, before)):
        raise StepFailed(f"PostgreSQL did not answer within {timeout} s of its restart")
    seconds = (work.clock.now() - started).total_seconds()
    work.relock()
    return seconds


def _came_back(work: Tools, before: ServerIdentity) -> bool:
    try:
        now = work.cluster.identity()
    except Unavailable:
        return False
    return now.started_at > before.started_at


def _ladder(work: Tools) -> Ladder:
    return Ladder(work.live, work.cluster, work.clock, lambda note: work.progress(0, note))


def _rungs(work: Tools) -> tuple[Rung, ...]:
    """What brings the workers back, the mildest first."""
    half = work.target.worker_timeout / 2
    ask = "restart_background_workers()"
    rungs = (
        Rung(ask, work.live.restart_workers, half, through_launcher=True),
        Rung(f"{ask} again", work.live.restart_workers, half, through_launcher=True),
        Rung("end the launcher", work.cluster.terminate_launcher, LAUNCHER_RETURNS),
    )
    if work.target.restart_rule is Restart.NEVER:
        return rungs
    restart = Rung("restart PostgreSQL", lambda: restart_server(work), 2 * half)
    return (*rungs, restart)


def _workers_intent(work: Tools) -> Intent:
    means = [rung.means for rung in _rungs(work)]
    return Intent(
        f"look for TimescaleDB's launcher and the scheduler of {work.live.name}; where they are "
        f"missing, one after the other: {', '.join(means)}",
        {"ladder": means},
    )


def _workers(work: Tools) -> Outcome:
    ladder = _ladder(work)
    if ladder.wait(work.target.worker_timeout / 2):
        return Outcome(f"of {work.live.name}: {ladder.look()}", {"rungs": []})
    blocked = ladder.blocked()
    if blocked:
        raise StepFailed(blocked)
    climbed = ladder.climb(_rungs(work))
    if ladder.look().complete:
        summary = f"of {work.live.name}, after {climbed[-1].means}: {ladder.look()}"
        return Outcome(summary, {"rungs": _facts(climbed)}, tail=_evidence(climbed))
    raise StepFailed(
        f"TimescaleDB's workers did not come back: {ladder.look()}, after "
        f"{', '.join(c.means for c in climbed)}; look at timescaledb.max_background_workers, "
        f"max_worker_processes and the server's log{_not_restarted(work)}",
        _evidence(climbed),
    )


def _not_restarted(work: Tools) -> str:
    if work.target.restart_rule is not Restart.NEVER:
        return ""
    return '; restarting PostgreSQL is left to you (restart = "never")'


def _facts(climbed: tuple[Climbed, ...]) -> list[dict[str, object]]:
    return [
        {"before": c.before, "means": c.means, "after": c.after, "seconds": round(c.seconds, 1)}
        for c in climbed
    ]


def _evidence(climbed: tuple[Climbed, ...]) -> str:
    return "\n".join(map(str, climbed))


RESTART = Stage(StepName.RESTART, _restart_intent, _restart, probe=_is_restarted)
# Without a probe: it begins by looking, and does nothing where the workers are there.
WORKERS = Stage(StepName.WORKERS, _workers_intent, _workers)
