"""Steps 8 and 9: restart PostgreSQL, and see TimescaleDB's workers of this database."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.errors import StepFailed, Unavailable
from bot.core.models import ServerIdentity
from bot.core.plan import StepName
from bot.core.status import LAUNCHER, SCHEDULER
from bot.core.steps.stage import Intent, Outcome, Stage, Work

_PAUSE = 0.25  # seconds between looks


def poll(work: Work, seconds: float, ready: Callable[[], bool]) -> bool:
    """Look until ``ready`` or until that much time has passed, and return whether it became so."""
    waited = 0.0
    while not ready():
        if waited >= seconds:
            return False
        work.clock.wait(_PAUSE)
        waited += _PAUSE
    return True


def _restart_intent(work: Work) -> Intent:
    others = sorted(
        {
            s.database
            for s in work.cluster.sessions()
            if s.backend_type == "client backend" and s.database != work.plan.target.database
        }
    )
    also = f", which also ends the sessions of {', '.join(others)}" if others else ""
    return Intent(f"restart container {work.plan.container.name}{also}", {"others": others})


def _restart(work: Work) -> Outcome:
    before = work.cluster.identity()
    work.cluster.checkpoint()
    timeout = work.plan.target.restart_timeout
    started = work.clock.now()
    work.host.restart(work.plan.container.id, timeout)
    if not poll(work, timeout, lambda: _came_back(work, before)):
        raise StepFailed(f"PostgreSQL did not answer within {timeout} s of its restart")
    seconds = (work.clock.now() - started).total_seconds()
    work.relock()
    return Outcome(f"PostgreSQL restarted, answering after {seconds:.1f} s")


def _came_back(work: Work, before: ServerIdentity) -> bool:
    try:
        now = work.cluster.identity()
    except Unavailable:
        return False
    return now.started_at > before.started_at


def _workers_intent(work: Work) -> Intent:
    return Intent(f"look for TimescaleDB's launcher and the scheduler of {work.live.name}")


def _workers(work: Work) -> Outcome:
    half = work.plan.target.worker_timeout / 2
    if poll(work, half, lambda: _scheduler_runs(work)):
        return Outcome(f"the launcher and the scheduler of {work.live.name} are running")
    work.live.restart_workers()
    if poll(work, half, lambda: _scheduler_runs(work)):
        return Outcome(f"the scheduler of {work.live.name} runs after restart_background_workers()")
    raise StepFailed(
        f"no TimescaleDB scheduler for {work.live.name} within {2 * half:.0f} s; look at "
        "timescaledb.restoring, timescaledb.max_background_workers and the server's log"
    )


def _scheduler_runs(work: Work) -> bool:
    sessions = work.cluster.sessions()
    launcher = any(s.application == LAUNCHER for s in sessions)
    return launcher and any(
        s.application == SCHEDULER and s.database == work.live.name for s in sessions
    )


RESTART = Stage(StepName.RESTART, _restart_intent, _restart)
WORKERS = Stage(StepName.WORKERS, _workers_intent, _workers)
