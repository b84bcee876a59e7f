"""Sessions in pg_stat_activity, and ending them."""

from __future__ import annotations

import time
from collections.abc import Collection

from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.core.models import Session

LAUNCHER = "TimescaleDB Background Worker Launcher"
"""The application_name of TimescaleDB's launcher, one for the server."""

TERMINATE_TIMEOUT = 5.0
"""Seconds that sessions told to end are waited for."""

# An ordinary client that calls itself a worker of TimescaleDB is none.
_SESSIONS = """
SELECT a.pid,
       coalesce(a.datname, '') AS database,
       coalesce(a.usename, '') AS user,
       CASE WHEN a.backend_type = 'client backend' AND NOT coalesce(r.rolsuper, false)
             AND a.application_name LIKE 'TimescaleDB Background Worker%%'
            THEN 'client ' ELSE '' END || coalesce(a.application_name, '') AS application,
       coalesce(host(a.client_addr), '') AS client,
       coalesce(a.backend_type, '') AS backend_type
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
 WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.pid <> ALL(%(ours)s::int[])
   AND (a.datname IS NOT NULL OR a.usesysid IS NOT NULL)
   AND (a.datname = %(database)s OR %(database)s::text IS NULL)
 ORDER BY a.datname, a.backend_start, a.pid
"""

_TERMINATE = """
SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid()
"""

_LEFT = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE pid = ANY (%s)"


def listed(
    connection: Connection, database: str | None, ours: Collection[int]
) -> tuple[Session, ...]:
    """Return the sessions of one database or, where None, of all; those in ``ours`` left out."""
    with connection.cursor(row_factory=class_row(Session)) as cursor:
        cursor.execute(_SESSIONS, {"database": database, "ours": list(ours)})
        return tuple(cursor.fetchall())


def terminate_database(connection: Connection, database: str) -> int:
    """End all sessions of a database, wait for them to go, and return how many there were."""
    ended = connection.execute(_TERMINATE + " AND a.datname = %s", [database]).fetchall()
    return _wait_for_end(connection, [row[0] for row in ended])


def terminate_application(connection: Connection, application: str) -> int:
    """End all sessions with this application_name, wait, and return how many there were."""
    ended = connection.execute(_TERMINATE + " AND a.application_name = %s", [application])
    return _wait_for_end(connection, [row[0] for row in ended.fetchall()])


def _wait_for_end(connection: Connection, pids: list[int]) -> int:
    """Wait for all of them together; pg_terminate_backend's own wait takes 0.1 s for each."""
    deadline = time.monotonic() + TERMINATE_TIMEOUT
    while connection.execute(_LEFT, [pids]).fetchone() != (0,):
        if time.monotonic() > deadline:
            break  # the caller meets it again: a rename refuses while sessions are left
        time.sleep(0.01)
    return len(pids)
