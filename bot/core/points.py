"""The five points that say whether automatic refresh works, each with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.job_proof import reason
from bot.core.jobs import Job
from bot.core.manifest import USER_JOBS
from bot.core.models import Check, Verdict
from bot.core.restoring import named, remedies
from bot.core.status import Expectations, Status
from bot.core.wording import counted
from bot.core.worker_ladder import workers_of

_PATIENCE = timedelta(minutes=5)
"""How late a job with a short interval may be, as behind others that hold all workers."""

_MOST = 3  # jobs whose evidence is told in full


def checklist(status: Status, expected: Expectations | None = None) -> tuple[Check, ...]:
    """Return the five points with their evidence; what could not be read is never green."""
    expected = expected or Expectations()
    return (
        _restoring_off(status),
        _workers_running(status),
        _jobs_scheduled(status, expected),
        _aggregates_filled(status, expected),
        _applications_running(status, expected),
    )


def _unknown(name: str, status: Status) -> Check:
    why = "; ".join(status.problems) or "it could not be read"
    return Check(name, Verdict.UNKNOWN, why, "make the database reachable and look again")


def _restoring_off(status: Status) -> Check:
    name = "timescaledb.restoring is off"
    if status.restoring is None:
        return _unknown(name, status)
    leftovers = [layer for layer in status.layers if layer.on]
    if status.restoring == "off" and not leftovers:
        return Check(name, Verdict.OK, "off in a new session, and set on nowhere")
    where = ", ".join(named(layer) for layer in leftovers)
    return Check(
        name,
        Verdict.FAILED,
        f"{status.restoring} in a new session" + (f"; set on in: {where}" if where else ""),
        remedies(tuple(leftovers), status.target.database),
    )


def _workers_running(status: Status) -> Check:
    name = "background workers are running"
    if status.workers is None:
        return _unknown(name, status)
    found = workers_of(status.target.database, status.workers)
    if found.complete:
        return Check(name, Verdict.OK, str(found))
    return Check(name, Verdict.FAILED, str(found), "restart PostgreSQL")


def _jobs_scheduled(status: Status, expected: Expectations) -> Check:
    name = "every job has a next start"
    if status.jobs is None:
        return _unknown(name, status)
    ours = [j for j in status.jobs if j.id >= USER_JOBS]
    armed = [j for j in ours if j.scheduled]
    idle = [j for j in armed if j.next_start is None and not j.running]
    late = [j for j in armed if overdue(j, status.at)]
    if idle:
        numbers = ", ".join(str(j.id) for j in idle)
        return Check(name, Verdict.FAILED, f"no next start: {numbers}", "see the workers")
    if late:
        numbers = ", ".join(str(j.id) for j in late)
        return Check(name, Verdict.FAILED, f"overdue: {numbers}", "restart PostgreSQL")
    shown = _counts(ours, armed, expected)
    if expected.proofs is not None:
        return _proven(name, shown, expected.proofs)
    failed = [j for j in armed if j.failed]
    if failed:
        seen = "; ".join(f"{j.id}: {reason(j)}" for j in failed[:_MOST])
        numbers = ", ".join(str(j.id) for j in failed)
        evidence = f"{shown}; last run failed: {numbers} ({seen})"
        return Check(name, Verdict.WARNING, evidence, "put it right, then /runjob")
    return Check(name, Verdict.OK, shown)


def _counts(ours: Sequence[Job], armed: Sequence[Job], expected: Expectations) -> str:
    if not ours:
        return "this database has no jobs of its own"
    shown = f"{counted(len(armed), 'job')} scheduled"
    held = len(ours) - len(armed)
    if held:
        shown += f", {held} paused"
    surprising = [j for j in ours if not j.scheduled and j.id not in expected.paused_jobs]
    if surprising:
        shown += f" ({', '.join(str(j.id) for j in surprising)})"
    return shown


def _proven(name: str, shown: str, proofs: Sequence[Check]) -> Check:
    """A start that is planned is no proof; what the jobs were seen to do is."""
    for verdict in (Verdict.FAILED, Verdict.WARNING):
        these = [p for p in proofs if p.verdict is verdict]
        if these:
            told = "; ".join(f"{p.name}: {p.evidence}" for p in these[:_MOST])
            more = f"; and {len(these) - _MOST} more" if len(these) > _MOST else ""
            return Check(name, verdict, f"{shown}; {told}{more}", these[0].remedy)
    seen = f", {len(proofs)} seen to run since the restore" if proofs else ""
    return Check(name, Verdict.OK, f"{shown}{seen}")


def overdue(job: Job, now: datetime) -> bool:
    """Whether a job's start lies in the past by more than its interval: nobody schedules it."""
    if job.next_start is None or job.running:
        return False
    return now - job.next_start > max(job.interval, _PATIENCE)


def _aggregates_filled(status: Status, expected: Expectations) -> Check:
    name = "continuous aggregates hold data"
    if status.aggregates is None:
        return _unknown(name, status)
    empty = [
        a.full_name
        for a in status.aggregates
        if not a.has_data and a.full_name not in expected.empty_views
    ]
    if empty:
        return Check(name, Verdict.FAILED, f"empty: {', '.join(empty)}", "/refresh all")
    count = len(status.aggregates)
    evidence = f"all {count} hold data" if count else "this database has none"
    return Check(name, Verdict.OK, evidence)


def _applications_running(status: Status, expected: Expectations) -> Check:
    name = "applications are running"
    configured = status.target.applications
    if len(status.applications) < len(configured):
        return _unknown(name, status)
    wanted = [
        a
        for a in status.applications
        if expected.running is None
        or (a.container is not None and a.container.name in expected.running)
    ]
    missing = [a.name for a in wanted if a.container is None]
    down = [a.name for a in wanted if a.container is not None and not a.container.running]
    if missing:
        evidence = f"no such container: {', '.join(missing)}"
        evidence += f"; not running: {', '.join(down)}" if down else ""
        return Check(name, Verdict.FAILED, evidence, "create it, or correct `applications`")
    if down:
        leave = f"leave them: run {expected.at_work} starts those it stopped"
        remedy = leave if expected.at_work else "start them"
        return Check(name, Verdict.FAILED, f"not running: {', '.join(down)}", remedy)
    if expected.running is not None and len(wanted) < len(expected.running):
        return Check(name, Verdict.FAILED, "a container of this run is gone", "start it again")
    return Check(name, Verdict.OK, f"{len(wanted)} running" if wanted else "none to run")
