"""The advisory lock of a target: taken, given back, and kept from those who are no tsbot.

Whoever may connect to the maintenance database may take any advisory lock there, this one too.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

import psycopg

from bot.adapters.postgres.connection import Connection
from bot.core.errors import DatabaseRefused

LOCK_NOT_AVAILABLE = "55P03"

# pg_locks shows a 64-bit key as two halves, and objsubid 1
_IN_THE_WAY = """
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
 WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.pid <> pg_catalog.pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND (l.classid::int8 << 32 | l.objid::int8) = %s::int8
"""
_END_OTHERS = (
    "SELECT pg_catalog.pg_terminate_backend(l.pid)"
    + _IN_THE_WAY
    + "AND NOT coalesce(r.rolsuper, false)"
)
_HOLDER = (
    """
SELECT pg_catalog.format('%%s of %%s%%s', coalesce(nullif(a.application_name, ''), 'a session'),
                         coalesce(a.usename, '?'), ' from ' || host(a.client_addr))"""
    + _IN_THE_WAY
    + "AND l.granted"
)


def lock(connection: Connection, key: str, wait: float = 0) -> None:
    """Take a session advisory lock on this connection.

    Every tsbot is a superuser. A session of anybody else's that holds the lock, or waits for it,
    keeps others off on purpose: it is ended.

    Args:
        connection: whose session is to hold it; its lock_timeout is changed.
        key: the lock's name.
        wait: seconds to wait for another superuser's session to give it back.

    Raises:
        DatabaseRefused: another superuser's session holds it; the sentence says which.
    """
    number = lock_key(key)
    if _taken(connection, number):
        return
    connection.execute(_END_OTHERS, [number])
    if not _taken_within(connection, number, wait):
        held = connection.execute(_HOLDER, [number]).fetchone()
        who = held[0] if held else "a session that has just ended"
        raise DatabaseRefused(f"the lock {key} is held by {who}", LOCK_NOT_AVAILABLE)


def _taken(connection: Connection, number: int) -> bool:
    row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [number]).fetchone()
    return row == (True,)


def _taken_within(connection: Connection, number: int, wait: float) -> bool:
    """Wait in the server's queue: whoever looks at the lock now and then would miss its turn."""
    timeout = str(max(1, round(wait * 1000)))  # 0 would wait for ever
    connection.execute("SELECT pg_catalog.set_config('lock_timeout', %s, false)", [timeout])
    try:
        connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [number])
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def unlock(connection: Connection, key: str) -> None:
    """Give the lock back; a session that is gone has given it back already.

    Closing alone would not do: PostgreSQL notices a moment later, and who asks for the lock
    meanwhile is refused.
    """
    with suppress(psycopg.Error):
        connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", [lock_key(key)])


def lock_key(key: str) -> int:
    """Return the 64-bit number an advisory lock of this name goes by."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)
