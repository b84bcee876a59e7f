"""What a repair looks at: the status, and beside it what the log knows of runs that broke off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.bench import Bench
from bot.core.errors import DatabaseUnavailable, Refused
from bot.core.extension_versions import TIMESCALEDB
from bot.core.journal import event_of
from bot.core.last_restore import last_restore
from bot.core.leavings import Leavings, leavings
from bot.core.manifest import USER_JOBS, DumpedJob
from bot.core.models import Container, DatabaseFacts, Target
from bot.core.owners import Misfit, misfits
from bot.core.ports import AuditLog, Cluster
from bot.core.retention import HOLDING, Waiting, waiting_after
from bot.core.server_checks import WORKERS
from bot.core.server_setting import ServerSetting
from bot.core.status import THRESHOLDS, Status, read_status

_LOOK_BACK = 20  # entries of a step that may have left retention paused

_RESTORER = "pg_restore"


@dataclass(frozen=True, slots=True)
class Look:
    """A target as a repair finds it.

    Args:
        status: what `/tsstatus` sees as well.
        access: the live database.
        limit: its CONNECTION LIMIT, -1 for none.
        limit_before: the limit of the database that was set aside last, -1 where it is unknown.
        settings: of the server, those that workers need.
        parallel: max_parallel_workers.
        due: chunks that each armed retention job would drop now; None where it cannot be told.
        waiting: retention jobs that a restore or a repair has left paused and nobody has armed.
        left: what runs that broke off have left.
        misfits: jobs whose owner could not do their work.
        importing: whether a pg_restore works in the database.
    """

    status: Status
    access: DatabaseFacts
    limit: int = -1
    limit_before: int = -1
    settings: tuple[ServerSetting, ...] = ()
    parallel: int = 0
    due: tuple[tuple[int, int | None], ...] = ()
    waiting: tuple[Waiting, ...] = ()
    left: Leavings = field(default_factory=Leavings)
    misfits: tuple[Misfit, ...] = ()
    importing: bool = False

    @property
    def target(self) -> Target:
        """What is looked at."""
        return self.status.target

    @property
    def at(self) -> datetime:
        """When."""
        return self.status.at

    @property
    def shut(self) -> bool:
        """Whether nobody, or nobody but a superuser, may enter the database."""
        return not self.access.allows_connections or self.limit == 0

    def stopped(self) -> tuple[Container, ...]:
        """Return the containers that a run which broke off has left stopped."""
        found = (a.container for a in self.status.applications)
        down = (c for c in found if c is not None and not c.running)
        return tuple(c for c in down if c.name in self.left.stopped)


def look(bench: Bench, log: AuditLog) -> Look:
    """Look at a target; changes nothing.

    Raises:
        Refused: there is no such database.
        Unavailable: the server or the log does not answer.
    """
    cluster, target = bench.cluster, bench.target
    access = cluster.find_database(target.database)
    if access is None:
        raise Refused(
            "no_database", f"There is no database {target.database}; /restore brings one."
        )
    status = read_status(target, bench.host, cluster, bench.clock.now())
    if status.jobs is None and access.allows_connections:
        raise DatabaseUnavailable("; ".join(status.problems))
    if status.jobs is not None and TIMESCALEDB not in status.extensions:
        raise Refused("no_timescaledb", f"{target.database} has no TimescaleDB to be repaired.")
    own = cluster.database_settings(target.database)
    restored = last_restore(log, target.name)
    kept = cluster.database_settings(restored.set_aside) if restored else None
    return Look(
        status,
        access,
        limit=own.limit if own else -1,
        limit_before=kept.limit if kept and kept.limit else -1,
        settings=_settings(cluster),
        parallel=int(cluster.setting(WORKERS[1]) or 0),
        due=_due(status, cluster),
        waiting=tuple(_waiting(log, target.name)),
        left=leavings(log, target.name, access.oid),
        misfits=_misfits(status, cluster),
        importing=_importing(cluster, target.database),
    )


def _settings(cluster: Cluster) -> tuple[ServerSetting, ...]:
    found = (cluster.server_setting(name) for name in THRESHOLDS)
    return tuple(setting for setting in found if setting is not None)


def _due(status: Status, cluster: Cluster) -> tuple[tuple[int, int | None], ...]:
    armed = [j.id for j in status.jobs or () if j.drops_data and j.scheduled]
    database = cluster.database(status.target.database)
    return tuple((number, database.would_drop(number)) for number in armed)


def _misfits(status: Status, cluster: Cluster) -> tuple[Misfit, ...]:
    ours = [j for j in status.jobs or () if j.id >= USER_JOBS]
    if not ours:
        return ()
    owners = cluster.database(status.target.database).inventory().owners
    jobs = [DumpedJob(j.id, j.procedure, j.owner, j.scheduled, j.hypertable, "") for j in ours]
    names = {j.owner for j in jobs} | {owners.get(j.relation, "") for j in jobs}
    return tuple(misfits(jobs, owners, cluster.roles_among(names - {""})))


def _waiting(log: AuditLog, target: str) -> Iterator[Waiting]:
    queries = (Query(target=target, action=s.value, newest=_LOOK_BACK) for s in sorted(HOLDING))
    entries = (entry for query in queries for entry in log.entries(query))
    ended = {e.draft.run_id for e in entries if isinstance(event_of(e), ev.StepFinished)}
    for run_id in sorted(ended):
        with suppress(Refused):  # armed since, or none were left
            yield waiting_after(log, run_id)


def _importing(cluster: Cluster, database: str) -> bool:
    return any(
        s.application.startswith(_RESTORER) and s.backend_type == "client backend"
        for s in cluster.sessions(database)
    )
