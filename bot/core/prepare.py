"""Preflight: from a request to a plan, with every check made before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bot.core.already_there import applications_check, leftover_check
from bot.core.backups import Backups, ReadBackup
from bot.core.contents import contents
from bot.core.disk_room import check_room, read_room
from bot.core.dump import DumpReader
from bot.core.errors import ContainerNotFound, DatabaseRefused, PreflightFailed, Unavailable
from bot.core.manifest import Manifest
from bot.core.models import Check, Container, Ownership, ServerIdentity, Strategy, Target, Verdict
from bot.core.owners import check_job_owners
from bot.core.plan import Loss, Plan
from bot.core.ports import Clock, Cluster, ContainerHost
from bot.core.server_checks import ServerChecks
from bot.core.steps.database import PG_CRON, TIMESCALEDB
from bot.core.toc import Toc
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
        warnings = tuple(c.evidence for c in checks if c.verdict is Verdict.WARNING)
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
            retention=tuple(job.description for job in read.manifest.retention()),
            contents=contents(read.manifest, read.toc),
        )

    def _running_applications(self) -> tuple[Container, ...]:
        found = (self.host.find(ref) for ref in self.target.applications)
        return tuple(c for c in found if c.running)

    def _fitting(self, read: ReadBackup, reader: DumpReader) -> Iterator[Check]:
        yield _postgres_version(read, self.cluster.identity())
        available = self.cluster.available_extensions()
        yield _timescaledb_version(read.manifest, available.get(TIMESCALEDB, frozenset()))
        missing = [name for name in read.toc.extensions() if name not in available]
        yield _none_missing("extensions of the dump", missing, "install them in the image")
        if PG_CRON in read.toc.extensions():
            yield self._cron()
        yield self._roles(read)
        yield check_job_owners(self.target, read.toc, read.manifest, self.cluster)
        yield applications_check(dict(self._found_applications()))
        yield leftover_check(self.cluster.sessions())
        live = self.cluster.find_database(self.target.database)
        yield check_room(read_room(self.cluster, reader, live, read.backup.file))

    def _cron(self) -> Check:
        home = self.cluster.setting("cron.database_name")
        if home == self.target.database:
            return Check("pg_cron", Verdict.OK, f"belongs to {home}")
        evidence = f"pg_cron of the dump is left out: cron.database_name is {home or 'not set'}"
        return Check("pg_cron", Verdict.WARNING, evidence, "set cron.database_name")

    def _roles(self, read: ReadBackup) -> Check:
        as_in_dump = self.target.ownership is Ownership.DUMP
        owners = read.toc.owners() if as_in_dump else frozenset()
        missing = sorted(owners - self.cluster.roles())
        remedy = 'create them, or set ownership = "guide" to do without'
        return _none_missing("roles of the dump", missing, remedy)

    def _found_applications(self) -> Iterator[tuple[str, Container | None]]:
        for ref in self.target.applications:
            try:
                yield str(ref), self.host.find(ref)
            except ContainerNotFound:
                yield str(ref), None


def _stop_if_failed(checks: list[Check]) -> None:
    failed = [c for c in checks if not c.passed]
    told = [c for c in failed if c.remedy] or failed  # the others were not asked because of these
    if failed:
        raise PreflightFailed([f"{c.name}: {c.evidence} ({c.remedy})" for c in told])


def _none_missing(name: str, missing: list[str], remedy: str) -> Check:
    if missing:
        return Check(name, Verdict.FAILED, f"missing: {', '.join(missing)}", remedy)
    return Check(name, Verdict.OK, "all there")


def _postgres_version(read: ReadBackup, server: ServerIdentity) -> Check:
    name, theirs = "PostgreSQL version", read.backup.postgres_version
    major = theirs.split(".", 1)[0]
    if not major.isdigit():
        return Check(name, Verdict.UNKNOWN, "the dump does not say", "make it with pg_dump -Fc")
    if int(major) > server.version_num // 10000:
        evidence = f"the dump is from {theirs}, the server is {server.version}"
        return Check(name, Verdict.FAILED, evidence, "restore it on a server at least as new")
    return Check(name, Verdict.OK, f"dump {theirs}, server {server.version}")


def _timescaledb_version(manifest: Manifest, available: frozenset[str]) -> Check:
    name, version = "TimescaleDB version", manifest.timescaledb_version
    if not version:
        return Check(name, Verdict.WARNING, "the dump holds no TimescaleDB catalog")
    if version not in available:
        shown = ", ".join(sorted(available)) or "none"
        evidence = f"the dump is from {version}, the image has {shown}"
        return Check(name, Verdict.FAILED, evidence, f"use an image that ships {version}")
    return Check(name, Verdict.OK, f"{version} is in the image")
