"""The server, seen from its maintenance database: each method is a session of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from psycopg.rows import class_row

from bot.adapters.postgres import (
    advisory,
    databases,
    extension,
    files,
    roles,
    server_settings,
    sessions,
    settings,
)
from bot.adapters.postgres.connection import LOCK_TIMEOUT, STATUS_TIMEOUT, Connector
from bot.adapters.postgres.database import PostgresDatabase
from bot.adapters.postgres.surroundings import ServerSurroundings
from bot.core.database_settings import DatabaseSettings
from bot.core.models import BackupFile, DatabaseFacts, ServerIdentity, Session
from bot.core.roles import Role
from bot.core.server_setting import ServerSetting

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for the server to answer."""

_IDENTITY = """
SELECT (pg_catalog.pg_control_system()).system_identifier::text AS system_identifier,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS version,
       pg_catalog.current_setting('server_version_num')::int AS version_num,
       r.rolname AS user,
       r.rolsuper AS superuser,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.pg_postmaster_start_time() AS started_at,
       pg_catalog.pg_backend_pid() <> %s AS pooled
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""


class PostgresCluster(ServerSurroundings):
    """The port ``Cluster``.

    Every method raises DatabaseUnavailable where no connection can be had or it is lost, and
    DatabaseRefused where PostgreSQL answers with an error.

    Args:
        dsn: of the maintenance database, as a superuser; may hold a password.
        connect_timeout: seconds.
        application_name: what pg_stat_activity shows.

    Raises:
        SettingsInvalid: the DSN cannot be parsed.
    """

    def __init__(
        self,
        dsn: str,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        application_name: str = "tsbot",
    ) -> None:
        self._connector = Connector(dsn, connect_timeout, application_name)
        self._held: set[int] = set()  # backend pids of sessions that outlive a method

    def identity(self) -> ServerIdentity:
        """Return which server this is."""
        with (
            self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection,
            connection.cursor(row_factory=class_row(ServerIdentity)) as cursor,
        ):
            # A pooler greets with a process id that is not the backend's.
            [identity] = cursor.execute(_IDENTITY, [connection.info.backend_pid]).fetchall()
            return identity

    def database(self, name: str) -> PostgresDatabase:
        """Return a database of this server; nothing is connected yet."""
        return PostgresDatabase(self._connector, name)

    def find_database(self, name: str) -> DatabaseFacts | None:
        """Return a database's facts by name, None where it does not exist."""
        with self._connector.session() as connection:
            return databases.by_name(connection, name)

    def database_names(self) -> frozenset[str]:
        """Return the names of all databases."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            rows = connection.execute("SELECT datname FROM pg_catalog.pg_database").fetchall()
            return frozenset(row[0] for row in rows)

    def database_by_oid(self, oid: int) -> DatabaseFacts | None:
        """Return a database's facts by oid, None where it does not exist."""
        with self._connector.session() as connection:
            return databases.by_oid(connection, oid)

    def setting(self, name: str) -> str | None:
        """Return a server setting, None where it is unknown."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            query = "SELECT pg_catalog.current_setting(%s, true)"
            row = connection.execute(query, [name]).fetchone()
            return None if row is None else row[0]

    def server_setting(self, name: str) -> ServerSetting | None:
        """Return a setting with where it comes from, None where it is unknown."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            return server_settings.read(connection, name)

    def change_setting(self, name: str, value: str) -> None:
        """ALTER SYSTEM SET, and let the server read its files again."""
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            server_settings.change(connection, name, value)

    def available_extensions(self) -> Mapping[str, frozenset[str]]:
        """Return the versions of each extension this image ships."""
        with self._connector.session() as connection:
            return extension.available(connection)

    def default_versions(self) -> Mapping[str, str]:
        """Return the version of each extension that this image creates unless told otherwise."""
        with self._connector.session() as connection:
            return extension.defaults(connection)

    def can_update(self, name: str, version: str, to: str) -> bool:
        """Whether the image ships scripts that bring an extension from one version to another."""
        with self._connector.session() as connection:
            return extension.can_update(connection, name, version, to)

    def roles(self) -> frozenset[str]:
        """Return the names of all roles."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            rows = connection.execute("SELECT rolname FROM pg_catalog.pg_roles").fetchall()
            return frozenset(row[0] for row in rows)

    def roles_among(self, names: Collection[str]) -> Mapping[str, Role]:
        """Return those of the named roles that exist, and which of the others they act as."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            return roles.among(connection, names)

    def backups(self, directory: str) -> tuple[BackupFile, ...]:
        """Return the directory's entries, newest first, read by the server itself."""
        with self._connector.session() as connection:
            return files.listing(connection, directory)

    def read_head(self, path: str, length: int) -> bytes:
        """Return the first bytes of a file on the server."""
        with self._connector.session() as connection:
            return files.head(connection, path, length)

    def write_file(self, path: str, content: bytes) -> None:
        """Write a file on the server, owned by the server's user."""
        with self._connector.session() as connection:
            files.write(connection, path, content)

    def sessions(self, database: str | None = None) -> tuple[Session, ...]:
        """Return the sessions of a database or, without a name, of all; never our own.

        Our own are this call's and the locks held by this object; marked sessions are shown.
        """
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            return sessions.listed(connection, database, self._held)

    def terminate(self, database: str) -> int:
        """End all sessions of a database and return how many there were."""
        with self._connector.session() as connection:
            return sessions.terminate_database(connection, database)

    def terminate_application(self, application: str) -> int:
        """End all sessions with this application_name and return how many there were."""
        with self._connector.session() as connection:
            return sessions.terminate_application(connection, application)

    def terminate_launcher(self) -> int:
        """End TimescaleDB's launcher, which PostgreSQL starts again, and return how many."""
        return self.terminate_application(sessions.LAUNCHER)

    def create_database(self, name: str, like: DatabaseFacts | None, comment: str) -> DatabaseFacts:
        """Create a database from template0, otherwise like ``like``, and set its comment."""
        with self._connector.session() as connection:
            return databases.create(connection, name, like, comment)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its sessions; no effect where it does not exist."""
        with self._connector.session() as connection:
            databases.drop(connection, name)

    def allow_connections(self, name: str, allowed: bool) -> None:
        """Set ALLOW_CONNECTIONS, committed at once."""
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            databases.allow_connections(connection, name, allowed)

    def limit_connections(self, name: str, limit: int) -> None:
        """Set a database's CONNECTION LIMIT, -1 for none."""
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            databases.limit_connections(connection, name, limit)

    def database_settings(self, name: str) -> DatabaseSettings | None:
        """Return grants, connection limit and settings of a database, except
        timescaledb.restoring; None where it does not exist."""
        with self._connector.session() as connection:
            return settings.read(connection, name)

    def apply_settings(self, name: str, wanted: DatabaseSettings) -> None:
        """Give a database these grants, this limit and these settings, in one transaction."""
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            settings.apply(connection, name, wanted)

    def rename(self, *renames: tuple[str, str]) -> None:
        """Rename databases, all in one transaction."""
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            databases.rename(connection, renames)

    def checkpoint(self) -> None:
        """CHECKPOINT, so that a restart is short."""
        with self._connector.session() as connection:
            connection.execute("CHECKPOINT")

    @contextmanager
    def advisory_lock(self, key: str, wait: float = 0) -> Iterator[None]:
        """Hold a session advisory lock on a direct connection.

        It is gone where PostgreSQL restarts or the connection breaks; leaving is quiet then.

        Args:
            key: its name.
            wait: seconds to wait for whoever holds it.

        Raises:
            DatabaseRefused: another superuser's session holds it; others' are ended.
        """
        with self._connector.session(lock_timeout=LOCK_TIMEOUT) as connection:
            advisory.lock(connection, key, wait)
            pid = connection.info.backend_pid
            self._held.add(pid)
            try:
                yield
            finally:
                self._held.discard(pid)
                advisory.unlock(connection, key)

    @contextmanager
    def marked_session(self, application: str) -> Iterator[None]:
        """Hold a session open under this application_name, to be looked for from elsewhere."""
        with self._connector.session(application_name=application):
            yield
