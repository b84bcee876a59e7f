"""The server's file system, seen and written by the server itself; needs a superuser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

import psycopg

from bot.adapters.postgres.connection import Connection
from bot.core.models import BackupFile

# pg_stat_file's true: a file that vanished in between, or a link to nowhere, gives no row.
# textsend: a file's name need not be valid text, and must not break the list if it isn't.
_LISTING = """
SELECT pg_catalog.textsend(f.name), s.size, s.modification, s.isdir
  FROM pg_catalog.pg_ls_dir(%(directory)s::text) AS f(name)
 CROSS JOIN LATERAL pg_catalog.pg_stat_file(%(directory)s || '/' || f.name, true) s
 WHERE s.size IS NOT NULL
 ORDER BY s.modification DESC, f.name
"""

_NAMES = "SELECT pg_catalog.textsend(f.name) FROM pg_catalog.pg_ls_dir(%s::text) AS f(name)"
_STAT = """
SELECT s.size, s.modification, s.isdir FROM pg_catalog.pg_stat_file(%s, true) s
 WHERE s.size IS NOT NULL
"""

_Row: TypeAlias = tuple[bytes, int, datetime, bool]


def listing(connection: Connection, directory: str) -> tuple[BackupFile, ...]:
    """Return a directory's entries, newest first, hidden ones too.

    In one query, unless a link leads in a circle or to where the server may not look: one such
    entry fails it, and is left out then.

    Raises:
        DatabaseRefused: there is no such directory, or the server's user may not read it.
    """
    base = directory.rstrip("/") or "/"
    try:
        rows = connection.execute(_LISTING, {"directory": base}).fetchall()
    except psycopg.DatabaseError:
        rows = sorted(_one_by_one(connection, base), key=lambda row: (row[2], row[0]), reverse=True)
    entries = [(raw.decode(errors="replace"), *rest) for raw, *rest in rows]
    return tuple(
        BackupFile(name, f"{base.rstrip('/')}/{name}", size, modified, isdir)
        for name, size, modified, isdir in entries
    )


def _one_by_one(connection: Connection, base: str) -> Iterator[_Row]:
    for (name,) in connection.execute(_NAMES, [base]).fetchall():
        path = f"{base.rstrip('/')}/{name.decode(errors='replace')}"
        try:
            found = connection.execute(_STAT, [path]).fetchone()
        except psycopg.DatabaseError:
            if connection.broken:
                raise
            continue
        if found is not None:
            yield (name, *found)


def head(connection: Connection, path: str, length: int) -> bytes:
    """Return up to ``length`` bytes from the beginning of a file."""
    query = "SELECT pg_catalog.pg_read_binary_file(%s, 0, %s)"
    row = connection.execute(query, [path, length]).fetchone()
    return bytes(row[0]) if row is not None else b""


def write(connection: Connection, path: str, content: bytes) -> None:
    """Write a file, or write over it; its mode is 0644 and it belongs to the server's user.

    The bytes pass through a large object, which the rolled-back transaction takes back.
    """
    with connection.transaction(force_rollback=True):
        made = connection.execute("SELECT pg_catalog.lo_from_bytea(0, %s)", [content]).fetchone()
        assert made is not None  # noqa: S101  # a SELECT without FROM has one row
        connection.execute("SELECT pg_catalog.lo_export(%s::oid, %s)", [made[0], path])
