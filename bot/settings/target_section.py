"""[targets.NAME]: one database that can be restored, and the server and engine it lives on."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    SecretStr,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
)

from bot.core.models import ContainerRef, GateAt, JobOwners, Ownership, Restart, Strategy
from bot.settings import dsn, values
from bot.settings.sections import LongTime, Section, SomeTime, Time, Where

EXTENSIONS = (
    *("timescaledb", "pg_cron", "plpython3u", "vector", "pg_trgm"),
    *("btree_gin", "pg_stat_statements", "pgcrypto", "plpgsql"),
)

File = Annotated[str, AfterValidator(values.readable_file)]
Ref = Annotated[ContainerRef, PlainValidator(values.container_ref)]
Account = Annotated[str, AfterValidator(values.account_name)]


class TlsSection(Section):
    """tls = { … } of a target."""

    ca: File = Field(description="PEM file of the authority that signed the engine's certificate")
    cert: File = Field(description="PEM file of tsbot's own certificate")
    key: File = Field(description="PEM file of its key")


class TargetSection(Section):
    """[targets.NAME], with DSN and password of the environment."""

    dsn: SecretStr = Field(
        description=f"URI of the maintenance database without its password, such as {dsn.EXAMPLE}; "
        "TSBOT_TARGET_<NAME>_DSN goes before this key"
    )
    password: SecretStr | None = None
    database: Annotated[str, AfterValidator(values.database_name)] = Field(
        description="the database to restore; need not exist yet"
    )
    container: Ref = Field(
        description='the database\'s container: "name" or { service = "…", project = "…" }'
    )
    applications: tuple[Ref, ...] = Field(
        default=(), description="containers stopped for the restore, named as in container"
    )
    docker: Annotated[str, AfterValidator(values.docker_url)] = Field(
        default="unix:///var/run/docker.sock",
        description="the engine: unix:///path, tcp://host:port or ssh://user@host",
    )
    docker_plain: StrictBool = Field(
        default=False, description="allow tcp without TLS, for a socket proxy on a private network"
    )
    tls: TlsSection | None = Field(
        default=None,
        validate_default=True,
        description="{ ca, cert, key }: PEM files for a tcp engine",
    )
    backup_dir: Where = Field(
        default="/backup", description="where the dumps are, as the database's container sees it"
    )
    extensions: tuple[Annotated[str, AfterValidator(values.extension_name)], ...] = Field(
        default=EXTENSIONS, description="created before the restore, in this order"
    )
    strategy: Strategy = Field(
        default=Strategy.SWAP,
        description="swap: applications are down for seconds; in-place: for the whole restore; "
        "drop-first: so too, and the old database is dropped before, for small disks",
    )
    gate: GateAt = Field(
        default=GateAt.EVIDENCE,
        description="evidence: approvers are asked before the first destructive step, in a swap "
        "once the copy is compared; start: before anything is done",
    )
    ownership: Ownership = Field(
        default=Ownership.DUMP,
        description="dump: owners as in the dump; guide: everything belongs to the superuser",
    )
    superuser: Account = Field(default="postgres", description="the role that restores")
    exec_user: Account = Field(
        default="postgres", description="the container's user as whom pg_restore runs"
    )
    stop_timeout: Time = Field(
        default=timedelta(seconds=10),
        description="to stop an application whose container sets no time",
    )
    restart_timeout: SomeTime = Field(
        default=timedelta(minutes=2),
        description="for PostgreSQL to stop cleanly, and to answer again",
    )
    worker_timeout: SomeTime = Field(
        default=timedelta(seconds=30), description="for TimescaleDB's scheduler to appear"
    )
    restart: Restart = Field(
        default=Restart.AUTO,
        description="PostgreSQL after the cut-over: ladder (only where TimescaleDB's workers can't "
        "be brought back otherwise), always, never; auto: always with in-place, else ladder",
    )
    job_proof_timeout: Time = Field(
        default=timedelta(seconds=60),
        description="for re-armed jobs to show by what they do that they run",
    )
    allow_writable_backups: StrictBool = Field(
        default=False,
        description="accept backups that group or others can write; they can then become superuser",
    )
    trusted_backups: tuple[Account, ...] = Field(
        default=(),
        description="owners, in the container, whose backups are restored before anybody is asked; "
        "none: `root` and the server's own user",
    )

    restore_jobs: StrictInt = Field(
        default=0, ge=0, le=64, description="sessions of pg_restore; 0 chooses by cores and dump"
    )
    disk_floor: Annotated[values.Bytes, PlainValidator(values.size)] = Field(
        default=values.Bytes(1 << 30),
        description="room that must stay free during pg_restore, else it is ended; 0 does not look",
    )
    count_rows: StrictBool = Field(
        default=True,
        description="count the rows of the dump and of what was restored; false compares all else",
    )
    job_owners: JobOwners = Field(
        default=JobOwners.REFUSE,
        description="jobs whose owner may not log in or does not own their object: refuse the dump,"
        " or repair: give them to the object's owner",
    )
    keep_previous_for: LongTime = Field(
        default=timedelta(days=7),
        description="how long a database that was set aside is kept before approvers are asked to "
        "drop it; without their word it stays",
    )
    keep_previous_max: StrictInt = Field(
        default=2,
        ge=1,
        description="how many such databases may be kept before they are asked about the oldest",
    )

    @field_validator("dsn")
    @classmethod
    def _is_uri(cls, value: SecretStr) -> SecretStr:
        dsn.parse(value.get_secret_value())
        return value

    @field_validator("password")
    @classmethod
    def _given_once(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        given = info.data.get("dsn")
        if value and given and dsn.parse(given.get_secret_value()).with_password:
            raise ValueError("is given twice: the DSN has one too; set only one of them")
        return value

    @field_validator("database")
    @classmethod
    def _not_the_maintenance_one(cls, value: str, info: ValidationInfo) -> str:
        given = info.data.get("dsn")
        if given and dsn.parse(given.get_secret_value()).database == value:
            raise ValueError(
                "is the database dsn connects to, and that one cannot be replaced; "
                "let dsn name another one, such as postgres"
            )
        return value

    @field_validator("applications")
    @classmethod
    def _are_others(
        cls, value: tuple[ContainerRef, ...], info: ValidationInfo
    ) -> tuple[ContainerRef, ...]:
        if info.data.get("container") in value:
            raise ValueError("names the database's own container; it must run to be restored")
        if len(set(value)) < len(value):
            raise ValueError("names a container twice")
        return value

    @field_validator("tls")
    @classmethod
    def _fits_the_engine(cls, value: TlsSection | None, info: ValidationInfo) -> TlsSection | None:
        engine = urlsplit(info.data.get("docker", ""))
        if value and engine.scheme in {"unix", "ssh"}:
            raise ValueError(f"is for tcp://; {engine.scheme}:// needs none")
        plain = info.data.get("docker_plain", False) or values.is_loopback(engine.hostname or "")
        if engine.scheme == "tcp" and value is None and not plain:
            raise ValueError(
                "is missing: docker is tcp to another machine, and whoever reaches it is root "
                "there; give tls = { ca, cert, key }, or docker_plain = true on a private network"
            )
        return value

    @field_validator("extensions")
    @classmethod
    def _hold_timescaledb(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "timescaledb" not in value:
            raise ValueError("must hold timescaledb")
        if len(set(value)) < len(value):
            raise ValueError("names an extension twice")
        return value

    def identities(self) -> tuple[tuple[object, ...], ...]:
        """What makes two targets the same database: by server address, and by container."""
        server = dsn.parse(self.dsn.get_secret_value())
        return (
            (server.host, server.port, self.database),
            (self.docker, self.container, self.database),
        )
