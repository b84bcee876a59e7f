"""What else the server is busy with, from the catalogs and statistics views that all share."""

from __future__ import annotations

from typing import LiteralString, TypeVar

from psycopg.rows import class_row

from bot.adapters.postgres.connection import STATUS_TIMEOUT, Connector
from bot.core.surroundings import (
    Archiving,
    Client,
    Door,
    PreparedTransaction,
    ReplicationSlot,
    Standby,
    Subscription,
    Tablespace,
)

T = TypeVar("T")

# Sessions of ours are a superuser's and called tsbot, or tsbot- and what they are for: anybody can
# call themselves so.
_CLIENTS = r"""
SELECT a.datname AS database,
       coalesce(a.usename, '') AS user,
       coalesce(a.application_name, '') AS application,
       coalesce(pg_catalog.host(a.client_addr), '') AS address,
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), 0)
           ::double precision AS busy
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_type = 'client backend' AND a.datname IS NOT NULL
   AND NOT (a.application_name ~ '^tsbot(-|$)' AND coalesce(
           (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid), false))
   AND a.pid <> pg_catalog.pg_backend_pid()
 ORDER BY a.datname, a.backend_start
"""

_DOORS = """
SELECT d.datname AS name, d.datallowconn AS open, d.datistemplate AS template,
       d.datconnlimit AS "limit"
  FROM pg_catalog.pg_database d ORDER BY d.datname
"""

_PREPARED = """
SELECT x.gid, x.owner FROM pg_catalog.pg_prepared_xacts x WHERE x.database = %s ORDER BY x.prepared
"""

_SLOTS = """
SELECT s.slot_name AS name, coalesce(s.database, '') AS database, s.active
  FROM pg_catalog.pg_replication_slots s WHERE NOT s.temporary ORDER BY s.slot_name
"""

_SUBSCRIPTIONS = """
SELECT s.subname AS name, s.subenabled AS enabled
  FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
 WHERE d.datname = %s ORDER BY s.subname
"""

# A logical receiver's backend is in a database; who is in none is sent everything.
_STANDBYS = """
SELECT coalesce(r.application_name, '') AS name,
       coalesce(pg_catalog.host(r.client_addr), '') AS address,
       coalesce(r.sync_state IN ('sync', 'quorum'), false) AS waited_for
  FROM pg_catalog.pg_stat_replication r
  JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid AND a.datid IS NULL
 ORDER BY r.backend_start
"""

_ARCHIVING = """
SELECT pg_catalog.current_setting('archive_mode') <> 'off' AS "on",
       pg_catalog.current_setting('archive_command') NOT IN ('', '(disabled)')
           OR coalesce(pg_catalog.current_setting('archive_library', true), '') <> ''
           AS configured,
       a.last_failed_time IS NOT NULL
           AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity') AS failing,
       a.failed_count::int AS failures
  FROM pg_catalog.pg_stat_archiver a
"""

# An in-place tablespace's location is relative to the data directory.
_TABLESPACES = """
SELECT t.spcname AS name,
       CASE WHEN l.path LIKE '/%%' THEN l.path
            ELSE pg_catalog.current_setting('data_directory') || '/' || l.path END AS path
  FROM pg_catalog.pg_tablespace t
 CROSS JOIN LATERAL pg_catalog.pg_tablespace_location(t.oid) l(path)
 WHERE t.spcname NOT IN ('pg_default', 'pg_global')
   AND EXISTS (SELECT FROM pg_catalog.pg_tablespace_databases(t.oid) b
                 JOIN pg_catalog.pg_database d ON d.oid = b WHERE d.datname = %s)
 ORDER BY t.spcname
"""

_LIBRARIES = """
SELECT f.name FROM pg_catalog.pg_config c, LATERAL pg_catalog.pg_ls_dir(c.setting) AS f(name)
 WHERE c.name = 'PKGLIBDIR'
"""


class ServerSurroundings:
    """The port ``Surroundings``; raises as :class:`PostgresCluster` does."""

    _connector: Connector

    def clients(self) -> tuple[Client, ...]:
        """Return the clients' sessions in all databases, ours left out."""
        return self._rows(Client, _CLIENTS)

    def doors(self) -> tuple[Door, ...]:
        """Return every database with who may enter it."""
        return self._rows(Door, _DOORS)

    def prepared_transactions(self, database: str) -> tuple[PreparedTransaction, ...]:
        """Return the database's prepared transactions, oldest first."""
        return self._rows(PreparedTransaction, _PREPARED, database)

    def replication_slots(self) -> tuple[ReplicationSlot, ...]:
        """Return all slots that outlive their session."""
        return self._rows(ReplicationSlot, _SLOTS)

    def subscriptions(self, database: str) -> tuple[Subscription, ...]:
        """Return the database's subscriptions."""
        return self._rows(Subscription, _SUBSCRIPTIONS, database)

    def publications(self, database: str) -> frozenset[str]:
        """Return the names of the database's publications."""
        with self._connector.session(database, statement_timeout=STATUS_TIMEOUT) as connection:
            rows = connection.execute("SELECT pubname FROM pg_catalog.pg_publication").fetchall()
            return frozenset(name for (name,) in rows)

    def standbys(self) -> tuple[Standby, ...]:
        """Return who is sent the whole write-ahead log now."""
        return self._rows(Standby, _STANDBYS)

    def archiving(self) -> Archiving:
        """Return how archiving goes."""
        [found] = self._rows(Archiving, _ARCHIVING)
        return found

    def tablespaces(self, database: str) -> tuple[Tablespace, ...]:
        """Return the tablespaces that hold something of the database, pg_default left out."""
        return self._rows(Tablespace, _TABLESPACES, database)

    def libraries(self) -> frozenset[str]:
        """Return the names of the files among which PostgreSQL looks for extensions' libraries."""
        with self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection:
            return frozenset(name for (name,) in connection.execute(_LIBRARIES).fetchall())

    def _rows(self, kind: type[T], query: LiteralString, *parameters: str) -> tuple[T, ...]:
        with (
            self._connector.session(statement_timeout=STATUS_TIMEOUT) as connection,
            connection.cursor(row_factory=class_row(kind)) as cursor,
        ):
            return tuple(cursor.execute(query, parameters or None).fetchall())
