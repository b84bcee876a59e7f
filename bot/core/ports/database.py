"""The ports to PostgreSQL: one database of a server, and the server itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bot.core.cron import CronJob
from bot.core.database_settings import DatabaseSettings
from bot.core.inventory import Inventory
from bot.core.jobs import Job, JobWork
from bot.core.models import (
    BackupFile,
    ContinuousAggregate,
    DatabaseFacts,
    RestoringLayer,
    ServerIdentity,
    Session,
)
from bot.core.ports.surroundings import Surroundings
from bot.core.roles import Role
from bot.core.server_setting import ServerSetting
from bot.core.sql_names import Relation
from bot.core.writes import Written


class Database(Protocol):
    """One database of the server; every call is a session of its own, in autocommit."""

    name: str

    def extensions(self) -> Mapping[str, str]:
        """Return the installed extensions with their versions."""
        ...

    def create_extension(self, name: str, version: str | None = None) -> None:
        """Create an extension unless it exists, with what it requires."""
        ...

    def update_extension(self, name: str, version: str) -> None:
        """Bring an extension to a version, as a session's first statement."""
        ...

    def pre_restore(self) -> None:
        """Call timescaledb_pre_restore()."""
        ...

    def post_restore(self) -> None:
        """Call timescaledb_post_restore()."""
        ...

    def restoring(self) -> str:
        """Return the effective timescaledb.restoring of a new session."""
        ...

    def restoring_layers(self) -> tuple[RestoringLayer, ...]:
        """Return every place where timescaledb.restoring is set, off as well as on."""
        ...

    def reset_restoring(self, layer: RestoringLayer) -> None:
        """Take timescaledb.restoring out of the settings of this database, of a role or of the
        server, which then reads its files again.

        Raises:
            DatabaseRefused: also where no statement reaches that layer.
        """
        ...

    def restart_workers(self) -> None:
        """Send this database's scheduler a restart, in autocommit."""
        ...

    def jobs(self) -> tuple[Job, ...]:
        """Return every job with its last outcome, in one query, ordered by id."""
        ...

    def set_scheduled(self, job_ids: Sequence[int], scheduled: bool) -> None:
        """Pause or re-arm exactly these jobs."""
        ...

    def job_work(self, job_ids: Sequence[int]) -> Mapping[int, JobWork]:
        """Return what policies have to do now; jobs whose effect cannot be seen are left out, all
        of them where the database refuses or takes too long to say."""
        ...

    def kick(self, job_id: int) -> None:
        """Make a job due now, so that the scheduler runs it as its owner."""
        ...

    def set_job_owners(self, owners: Mapping[int, str]) -> None:
        """Give jobs other owners, all of them or none; works while restoring is on."""
        ...

    def would_drop(self, job_id: int) -> int | None:
        """Return how many chunks a retention job would drop now, None where it cannot be told."""
        ...

    def cron_jobs(self) -> tuple[CronJob, ...]:
        """Return pg_cron's jobs, ordered by id; none without pg_cron."""
        ...

    def load_cron_jobs(self, jobs: Sequence[CronJob]) -> None:
        """Put in these jobs, all or none, in the place of those with their ids."""
        ...

    def set_cron_active(self, job_ids: Sequence[int], active: bool) -> tuple[int, ...]:
        """Pause or re-arm these jobs of pg_cron and return which of them are still there."""
        ...

    def forget_cron_runs(self, until: datetime) -> None:
        """Delete what pg_cron noted of runs that began by then."""
        ...

    def analyze(self) -> None:
        """ANALYZE the whole database."""
        ...

    def inventory(self) -> Inventory:
        """Return what the database holds: tables, indexes, hypertables, chunks, caggs, policies."""
        ...

    def count_rows(self, tables: Iterable[Relation]) -> Mapping[Relation, int]:
        """Count each table's rows as a dump has them, compressed ones as batches; missing tables
        are left out. Reads them all, and so takes long."""
        ...

    def continuous_aggregates(self) -> tuple[ContinuousAggregate, ...]:
        """Return all continuous aggregates with watermark and whether they hold data."""
        ...

    def newest_row(self) -> datetime | None:
        """Return the newest time in any hypertable, None where it cannot be known quickly."""
        ...

    def written(self) -> Mapping[str, Written]:
        """Return what PostgreSQL has counted of rows written, by ``schema.table``, hypertables
        with their chunks; what TimescaleDB writes for itself is left out."""
        ...

    def rows_after(self, moment: datetime) -> Mapping[str, int] | None:
        """Return how many rows of each hypertable lie after a moment by their own time, None where
        it cannot be known quickly."""
        ...

    def refreshable_from(self, view: ContinuousAggregate) -> datetime | None:
        """Return the start of the oldest chunk of a view's source behind which a refresh loses
        nothing that only the view still holds; None where the source has no chunks."""
        ...

    def materialized_rows(self, view: ContinuousAggregate) -> int:
        """Count the rows of a view's materialization hypertable."""
        ...

    def refresh(
        self, view: ContinuousAggregate, start: datetime | None, end: datetime | None
    ) -> None:
        """Refresh a window, as the view's owner, in one autocommit statement."""
        ...


class Cluster(Surroundings, Protocol):
    """One PostgreSQL server, seen from its maintenance database as superuser."""

    def identity(self) -> ServerIdentity:
        """Return which server this is."""
        ...

    def database(self, name: str) -> Database:
        """Return a database of this server; nothing is connected yet."""
        ...

    def find_database(self, name: str) -> DatabaseFacts | None:
        """Return a database's facts by name, None where it does not exist."""
        ...

    def database_names(self) -> frozenset[str]:
        """Return the names of all databases."""
        ...

    def database_by_oid(self, oid: int) -> DatabaseFacts | None:
        """Return a database's facts by oid, None where it does not exist."""
        ...

    def setting(self, name: str) -> str | None:
        """Return a server setting, None where it is unknown."""
        ...

    def server_setting(self, name: str) -> ServerSetting | None:
        """Return a setting with where it comes from, None where it is unknown."""
        ...

    def change_setting(self, name: str, value: str) -> None:
        """ALTER SYSTEM SET, and let the server read its files again."""
        ...

    def available_extensions(self) -> Mapping[str, frozenset[str]]:
        """Return the versions of each extension this image ships."""
        ...

    def default_versions(self) -> Mapping[str, str]:
        """Return the version of each extension that this image creates unless told otherwise."""
        ...

    def can_update(self, name: str, version: str, to: str) -> bool:
        """Whether the image ships scripts that bring an extension from one version to another."""
        ...

    def roles(self) -> frozenset[str]:
        """Return the names of all roles."""
        ...

    def roles_among(self, names: Collection[str]) -> Mapping[str, Role]:
        """Return those of the named roles that exist, and which of the others they act as."""
        ...

    def backups(self, directory: str) -> tuple[BackupFile, ...]:
        """Return the directory's entries, newest first, read by the server itself."""
        ...

    def read_head(self, path: str, length: int) -> bytes:
        """Return the first bytes of a file on the server."""
        ...

    def write_file(self, path: str, content: bytes) -> None:
        """Write a file on the server, owned by the server's user."""
        ...

    def sessions(self, database: str | None = None) -> tuple[Session, ...]:
        """Return the sessions of a database or, without a name, of all; never our own."""
        ...

    def terminate(self, database: str) -> int:
        """End all sessions of a database and return how many there were."""
        ...

    def terminate_application(self, application: str) -> int:
        """End all sessions with this application_name and return how many there were."""
        ...

    def create_database(self, name: str, like: DatabaseFacts | None, comment: str) -> DatabaseFacts:
        """Create a database from template0 with the encoding, locale and tablespace of ``like``,
        and set its comment; only superusers own and enter it before `apply_settings`."""
        ...

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its sessions."""
        ...

    def allow_connections(self, name: str, allowed: bool) -> None:
        """Set ALLOW_CONNECTIONS, committed at once."""
        ...

    def limit_connections(self, name: str, limit: int) -> None:
        """Set a database's CONNECTION LIMIT, -1 for none."""
        ...

    def database_settings(self, name: str) -> DatabaseSettings | None:
        """Return grants, connection limit and ALTER DATABASE / ALTER ROLE IN DATABASE settings,
        except timescaledb.restoring; None where there is no such database."""
        ...

    def apply_settings(self, name: str, wanted: DatabaseSettings) -> None:
        """Give a database these grants, this limit and these settings, in one transaction."""
        ...

    def rename(self, *renames: tuple[str, str]) -> None:
        """Rename databases, all in one transaction."""
        ...

    def terminate_launcher(self) -> int:
        """End TimescaleDB's launcher, which PostgreSQL starts again, and return how many."""
        ...

    def checkpoint(self) -> None:
        """CHECKPOINT, so that a restart is short."""
        ...

    def advisory_lock(self, key: str, wait: float = 0) -> AbstractContextManager[None]:
        """Hold a session advisory lock on a direct connection.

        Args:
            key: its name.
            wait: seconds to wait for whoever holds it.

        Raises:
            DatabaseRefused: another superuser's session holds it; others' are ended.
        """
        ...

    def marked_session(self, application: str) -> AbstractContextManager[None]:
        """Hold a session open under this application_name, to be looked for from elsewhere."""
        ...
