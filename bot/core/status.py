"""What a target looks like now, and the five points that say whether refreshing works."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.errors import ContainerNotFound, TsbotError
from bot.core.models import (
    Check,
    Container,
    ContinuousAggregate,
    Job,
    RestoringLayer,
    Session,
    Target,
    Verdict,
)
from bot.core.ports import Cluster, ContainerHost
from bot.core.wording import counted

LAUNCHER = "TimescaleDB Background Worker Launcher"
SCHEDULER = "TimescaleDB Background Worker Scheduler"
"""application_name of TimescaleDB's workers; the launcher is one a cluster, a scheduler belongs
to one database. Source: TimescaleDB's loader."""

_PATIENCE = timedelta(minutes=5)
"""How late a job with a short interval may be, as behind others that hold all workers."""

THRESHOLDS = {"timescaledb.max_background_workers": 8, "max_worker_processes": 8}
"""What the restore procedure asks for at least."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application container; ``container`` is None where there is none of that name."""

    name: str
    container: Container | None


@dataclass(frozen=True, slots=True)
class Status:
    """A target as one round of queries saw it at that time; ``problems`` names what could not be
    read."""

    target: Target
    at: datetime
    database_container: Container | None = None
    applications: tuple[Application, ...] = ()
    restoring: str | None = None
    layers: tuple[RestoringLayer, ...] = ()
    settings: dict[str, str | None] = field(default_factory=dict)
    workers: tuple[Session, ...] | None = None
    jobs: tuple[Job, ...] | None = None
    aggregates: tuple[ContinuousAggregate, ...] | None = None
    extensions: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a restore knows that a plain look does not.

    Args:
        running: applications that must run, by name; None expects all configured ones.
        paused_jobs: jobs that are paused on purpose.
        empty_views: continuous aggregates that were empty in the dump as well.
        at_work: the run that holds the target and may have stopped applications, empty for none.
    """

    running: tuple[str, ...] | None = None
    paused_jobs: frozenset[int] = frozenset()
    empty_views: frozenset[str] = frozenset()
    at_work: str = ""


def read_status(target: Target, host: ContainerHost, cluster: Cluster, now: datetime) -> Status:
    """Look at a target; what cannot be read is left out and named in ``problems``."""
    problems: list[str] = []
    container, applications = _containers(target, host, problems)
    try:
        database = cluster.database(target.database)
        return Status(
            target,
            now,
            container,
            applications,
            restoring=database.restoring(),
            layers=database.restoring_layers(),
            settings={name: cluster.setting(name) for name in THRESHOLDS},
            workers=tuple(s for s in cluster.sessions() if s.application.startswith("Timescale")),
            jobs=database.jobs(),
            aggregates=database.continuous_aggregates(),
            extensions=dict(database.extensions()),
            problems=tuple(problems),
        )
    except TsbotError as error:
        problems.append(f"database {target.database}: {error}")
        return Status(target, now, container, applications, problems=tuple(problems))


def _containers(
    target: Target, host: ContainerHost, problems: list[str]
) -> tuple[Container | None, tuple[Application, ...]]:
    applications = []
    try:
        container = host.find(target.container)
    except TsbotError as error:
        problems.append(f"container {target.container}: {error}")
        container = None
    for ref in target.applications:
        try:
            applications.append(Application(str(ref), host.find(ref)))
        except ContainerNotFound:
            applications.append(Application(str(ref), None))
        except TsbotError as error:
            problems.append(f"container {ref}: {error}")
    return container, tuple(applications)


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
    where = ", ".join(f"{layer.where} {layer.detail}".strip() for layer in leftovers)
    return Check(
        name,
        Verdict.FAILED,
        f"{status.restoring} in a new session" + (f"; set on in: {where}" if where else ""),
        "ALTER DATABASE … RESET timescaledb.restoring, then restart PostgreSQL",
    )


def _workers_running(status: Status) -> Check:
    name = "background workers are running"
    if status.workers is None:
        return _unknown(name, status)
    launcher = [s for s in status.workers if s.application == LAUNCHER]
    ours = [
        s
        for s in status.workers
        if s.application == SCHEDULER and s.database == status.target.database
    ]
    if launcher and ours:
        evidence = f"launcher pid {launcher[0].pid}, scheduler of this database pid {ours[0].pid}"
        return Check(name, Verdict.OK, evidence)
    missing = "no launcher" if not launcher else f"no scheduler for {status.target.database}"
    return Check(name, Verdict.FAILED, missing, "restart PostgreSQL")


def _jobs_scheduled(status: Status, expected: Expectations) -> Check:
    name = "every job has a next start"
    if status.jobs is None:
        return _unknown(name, status)
    ours = [j for j in status.jobs if j.id >= 1000]
    armed = [j for j in ours if j.scheduled]
    idle = [j for j in armed if j.next_start is None and not j.running]
    late = [j for j in armed if _overdue(j, status.at)]
    surprising = [j for j in ours if not j.scheduled and j.id not in expected.paused_jobs]
    if idle:
        numbers = ", ".join(str(j.id) for j in idle)
        return Check(name, Verdict.FAILED, f"no next start: {numbers}", "see the workers")
    if late:
        numbers = ", ".join(str(j.id) for j in late)
        return Check(name, Verdict.FAILED, f"overdue: {numbers}", "restart PostgreSQL")
    scheduled = f"{counted(len(armed), 'job')} scheduled"
    evidence = scheduled if ours else "this database has no jobs of its own"
    held = len(ours) - len(armed)
    if held:
        evidence += f", {held} paused"
    if surprising:
        evidence += f" ({', '.join(str(j.id) for j in surprising)})"
    return Check(name, Verdict.OK, evidence)


def _overdue(job: Job, now: datetime) -> bool:
    """A start in the past by more than the interval is a job that nobody schedules."""
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
