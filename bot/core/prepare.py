"""Preflight: from a request to a plan, with every check made before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bot.core.already_there import applications_check, leftover_check
from bot.core.backups import Backups, ReadBackup
from bot.core.bystanders import Bystanders
from bot.core.contents import contents
from bot.core.disk_room import check_room, read_room
from bot.core.dump import DumpReader
from bot.core.dump_checks import DumpChecks
from bot.core.errors import ContainerNotFound, DatabaseRefused, PreflightFailed, Unavailable
from bot.core.extension_versions import version_after
from bot.core.manifest import Manifest
from bot.core.models import Check, Container, Strategy, Target, Verdict
from bot.core.owners import check_job_owners
from bot.core.plan import Loss, Plan
from bot.core.ports import Clock, Cluster, ContainerHost
from bot.core.retention_guard import threats
from bot.core.server_checks import ServerChecks
from bot.core.toc import Toc
from bot.core.trust import needs_early_gate, places_of
from bot.core.worker_ladder import restart_notice


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What somebody asked for.

    Args:
        target: the target's name.
        backup: a file's name or ``latest``.
        dry_run: only show the plan.
        reason: why, in the requester's words.
        strategy: instead of the target's own, None for that.
    """

    target: str
    backup: str
    dry_run: bool = False
    reason: str = ""
    strategy: Strategy | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, with what the dump says and the checks that allowed it."""

    plan: Plan
    toc: Toc
    manifest: Manifest
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """Makes plans for one target; reads, never changes."""

    target: Target
    host: ContainerHost
    cluster: Cluster
    clock: Clock

    def prepare(
        self, request: RestoreRequest, run_id: str, note: Callable[[str], None]
    ) -> Prepared:
        """Check everything and return the plan.

        Raises:
            PreflightFailed: at least one check failed; each is named with its remedy.
            Refused: the backup cannot be restored.
        """
        server = ServerChecks(self.target, self.host, self.cluster)
        checks = list(server.run())
        _stop_if_failed(checks)
        container = server.container()
        reader = DumpReader(self.host, container.id, self.target.exec_user)
        backups = Backups(self.target, self.cluster, self.clock)
        read = backups.read(request.backup, reader, note)
        checks += self._fitting(read, reader)
        _stop_if_failed(checks)
        plan = self._plan(request, run_id, container, read)
        plan = replace(plan, early_gate=self._distrust(read, reader))
        warnings = tuple(map(_told, (c for c in checks if c.verdict is Verdict.WARNING)))
        warnings += tuple(filter(None, [restart_notice(self.target)]))
        plan = replace(plan, warnings=(*warnings, *(f"skipped: {s}" for s in read.skipped)))
        return Prepared(plan, read.toc, read.manifest, tuple(checks))

    def again(self, plan: Plan) -> Plan:
        """Return the plan as it would be now: file, database, container and applications anew.

        Raises:
            Refused: the backup is gone, or is no file that could be restored.
        """
        container = ServerChecks(self.target, self.host, self.cluster).container()
        reader = DumpReader(self.host, container.id, self.target.exec_user)
        backups = Backups(self.target, self.cluster, self.clock)
        file = backups.find(plan.backup.file.name)
        stamp = backups.look(file, reader).stamp  # before the hash: what changes later shows
        restored = plan.evidence is not None  # from these bytes: no need to read them once more
        same = restored and stamp == plan.backup.stamp
        sha256 = plan.backup.sha256 if same else reader.sha256(file.path)
        backup = replace(plan.backup, file=file, sha256=sha256, stamp=stamp)
        return replace(
            plan,
            backup=backup,
            container=container,
            applications=self._running_applications(),
            live=self.cluster.find_database(self.target.database),
            system_identifier=self.cluster.identity().system_identifier,
            timescaledb_after=version_after(self.cluster, backup.timescaledb_version),
        )

    def _plan(
        self, request: RestoreRequest, run_id: str, container: Container, read: ReadBackup
    ) -> Plan:
        identity = self.cluster.identity()
        live = self.cluster.find_database(self.target.database)
        newest = None
        if live is not None:
            try:
                newest = self.cluster.database(live.name).newest_row()
            except (DatabaseRefused, Unavailable):
                newest = None  # shown as unknown; it must not keep anybody from restoring
        return Plan(
            run_id,
            self.target,
            read.backup,
            container,
            self._running_applications(),
            live,
            identity.system_identifier,
            identity.version,
            Loss(read.backup.taken_at, newest),
            reason=request.reason,
            retention=threats(read.manifest.expiring, self.clock.now()),
            contents=contents(read.manifest, read.toc),
            timescaledb_after=version_after(self.cluster, read.backup.timescaledb_version),
        )

    def _distrust(self, read: ReadBackup, reader: DumpReader) -> str:
        """Say why approvers must be asked before the dump is touched, empty where they need not."""
        [(_, data)] = reader.resolved(self.cluster.setting("data_directory") or "/")
        places = places_of(reader, self.target.backup_dir, read.backup.file.path)
        return needs_early_gate(places, self.target, data.owner)

    def _running_applications(self) -> tuple[Container, ...]:
        found = (self.host.find(ref) for ref in self.target.applications)
        return tuple(c for c in found if c.running)

    def _fitting(self, read: ReadBackup, reader: DumpReader) -> Iterator[Check]:
        yield from DumpChecks(self.target, self.cluster, read).run()
        yield check_job_owners(self.target, read.toc, read.manifest, self.cluster)
        yield applications_check(dict(self._found_applications()))
        yield leftover_check(self.cluster.sessions(), self.target.database)
        live = self.cluster.find_database(self.target.database)
        first = self.target.strategy is Strategy.DROP_FIRST
        room = read_room(self.cluster, reader, live, read.backup.file, dropped=first)
        yield check_room(room)
        published = frozenset(e.name for e in read.toc.entries if e.kind == "PUBLICATION")
        yield from Bystanders(self.target, self.host, self.cluster, room.least, published).run()

    def _found_applications(self) -> Iterator[tuple[str, Container | None]]:
        for ref in self.target.applications:
            try:
                yield str(ref), self.host.find(ref)
            except ContainerNotFound:
                yield str(ref), None


def _told(check: Check) -> str:
    return f"{check.name}: {check.evidence}" + (f" ({check.remedy})" if check.remedy else "")


def _stop_if_failed(checks: list[Check]) -> None:
    failed = [c for c in checks if not c.passed]
    told = [c for c in failed if c.remedy] or failed  # the others were not asked because of these
    if failed:
        raise PreflightFailed([_told(c) for c in told])
