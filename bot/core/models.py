"""The nouns: people, targets, backups, servers, containers and jobs, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

Facts = Mapping[str, object]
"""What a step learned, as JSON can hold it; logged with the outcome and read again by recovery."""


class Strategy(StrEnum):
    """When the applications stop, and whether the old database survives."""

    SWAP = "swap"  # they run on until the cut-over; the old database is kept
    IN_PLACE = "in-place"  # they are down for the whole restore; the old database is kept
    DROP_FIRST = "drop-first"  # the old database is dropped before: for disks too small for both


class GateAt(StrEnum):
    """When approvers are asked."""

    EVIDENCE = "evidence"  # in front of the first destructive step: in a swap, the cut-over
    START = "start"  # before anything is done


class Restart(StrEnum):
    """When PostgreSQL is restarted for TimescaleDB's workers."""

    AUTO = "auto"  # always where applications are down all the time anyway, else the ladder
    LADDER = "ladder"  # only where asking and ending the launcher did not bring them back
    ALWAYS = "always"  # after each cut-over
    NEVER = "never"  # leave that to a person


class Decision(StrEnum):
    """What somebody wants done with a run whose process died."""

    RESUME = "resume"
    UNDO = "take back"
    ABANDON = "abandon"


class Ownership(StrEnum):
    """Whose the restored objects are."""

    DUMP = "dump"  # as in the dump, where all its roles exist
    GUIDE = "guide"  # everything belongs to the restoring superuser, grants are dropped


class JobOwners(StrEnum):
    """What is done about jobs whose owner could not do their work."""

    REFUSE = "refuse"
    REPAIR = "repair"  # the owner of the job's object becomes the job's


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asked or voted; decisions go by ``id``, the name is for reading."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A person as the workspace knows them, read at the moment of a decision."""

    person: Person
    team_id: str
    bot: bool = False
    deactivated: bool = False
    guest: bool = False
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and where.

    Args:
        person: the requester.
        channel: Slack channel id, or ``cli``.
        channel_name: for reading only.
        delivery: the trigger or event id that brought it, empty on the command line.
    """

    person: Person
    channel: str
    channel_name: str = ""
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """How the settings name a container: by its name, or by Compose project and service."""

    name: str = ""
    service: str = ""
    project: str = ""

    def __str__(self) -> str:
        return self.name or (f"{self.project}/{self.service}" if self.project else self.service)


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine sees it now."""

    id: str
    name: str
    image: str
    running: bool
    stop_timeout: int | None = None  # seconds; None where the container sets none
    removes_itself: bool = False  # once it is stopped: docker run --rm


@dataclass(frozen=True, slots=True)
class Target:
    """One database that can be restored; everything here may be shown, secrets live elsewhere."""

    name: str
    database: str
    container: ContainerRef
    backup_dir: str
    applications: tuple[ContainerRef, ...] = ()
    extensions: tuple[str, ...] = ("timescaledb",)
    strategy: Strategy = Strategy.SWAP
    gate: GateAt = GateAt.EVIDENCE
    ownership: Ownership = Ownership.DUMP
    superuser: str = "postgres"
    exec_user: str = "postgres"
    stop_timeout: int = 10  # seconds an application has where its container says nothing
    restart_timeout: int = 120  # seconds PostgreSQL has to stop cleanly and to answer again
    worker_timeout: int = 30  # seconds the scheduler has to appear
    restart: Restart = Restart.AUTO
    job_proof_timeout: int = 60  # seconds re-armed jobs have to show that they run
    allow_writable_backups: bool = False
    trusted_backups: tuple[str, ...] = ()  # owners; none: root and the server's own user
    count_rows: bool = True  # of the dump and of what was restored
    job_owners: JobOwners = JobOwners.REFUSE
    restore_jobs: int = 0  # sessions of pg_restore; 0 leaves it to the server's cores
    disk_floor: int = 1 << 30  # bytes that must stay free during pg_restore; 0 does not look
    keep_previous_for: timedelta = timedelta(days=7)  # until approvers are asked to drop it
    keep_previous_max: int = 2  # kept databases beyond which they are asked at once

    @property
    def restart_rule(self) -> Restart:
        """When PostgreSQL is restarted: ladder, always or never."""
        if self.restart is not Restart.AUTO:
            return self.restart
        return Restart.LADDER if self.strategy is Strategy.SWAP else Restart.ALWAYS


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file of the backup directory."""

    name: str
    path: str
    size: int  # bytes
    modified: datetime
    directory: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """A dump that was read in full: what is restored is these bytes and no others.

    ``stamp`` is what `stat` said before they were hashed; it differs after any change.
    """

    file: BackupFile
    sha256: str
    taken_at: datetime | None
    postgres_version: str
    timescaledb_version: str
    source_database: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Which PostgreSQL this is and what it lets us do."""

    system_identifier: str
    version: str
    version_num: int
    user: str
    superuser: bool
    in_recovery: bool
    started_at: datetime
    pooled: bool = False  # the backend is not the one the connection was greeted by


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One row of pg_database; ``oid`` is the identity, names change in a cut-over."""

    oid: int
    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    locale: str | None
    tablespace: str
    allows_connections: bool
    size: int  # bytes
    comment: str


@dataclass(frozen=True, slots=True)
class Session:
    """A client or worker in pg_stat_activity."""

    pid: int
    database: str
    user: str
    application: str
    client: str
    backend_type: str


@dataclass(frozen=True, slots=True)
class ContinuousAggregate:
    """A continuous aggregate and where its rows are."""

    schema: str
    name: str
    owner: str
    source: str  # schema.name of the hypertable or parent materialization hypertable
    materialization: str  # schema.name
    has_data: bool
    watermark: datetime | None

    @property
    def full_name(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class RestoringLayer:
    """A place where ``timescaledb.restoring`` is set.

    Args:
        where: ``session``, ``database``, ``role``, ``database and role``, ``system`` or ``file``.
        detail: whose, such as the role's name or the file.
        value: as written there.
    """

    where: str
    detail: str
    value: str

    @property
    def on(self) -> bool:
        """Whether this layer turns restoring on."""
        return self.value.lower() in {"on", "true", "1", "yes"}


class Verdict(StrEnum):
    """A check's result; one that could not run is never green."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a preflight, a checklist or ``tsbot check``.

    Args:
        name: what was looked at.
        verdict: the result.
        evidence: what was seen.
        remedy: what to do, where it is not OK.
    """

    name: str
    verdict: Verdict
    evidence: str
    remedy: str = ""

    @property
    def passed(self) -> bool:
        """OK, or a warning that need not stop anybody."""
        return self.verdict in {Verdict.OK, Verdict.WARNING}
