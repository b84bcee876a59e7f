"""What a target looks like now; the five points in `points` say whether refreshing works."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.core.errors import ContainerNotFound, TsbotError
from bot.core.jobs import Job
from bot.core.models import Check, Container, ContinuousAggregate, RestoringLayer, Session, Target
from bot.core.ports import Cluster, ContainerHost

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
        proofs: what each re-armed job was seen to do; None where nobody has looked.
        at_work: the run that holds the target and may have stopped applications, empty for none.
    """

    running: tuple[str, ...] | None = None
    paused_jobs: frozenset[int] = frozenset()
    empty_views: frozenset[str] = frozenset()
    at_work: str = ""
    proofs: tuple[Check, ...] | None = None


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
