"""The server's file system, seen and written by the server itself; needs a superuser."""

from __future__ import annotations

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


def listing(connection: Connection, directory: str) -> tuple[BackupFile, ...]:
    """Return a directory's entries, newest first, hidden ones too, in one query.

    Raises:
        DatabaseRefused: there is no such directory, or the server's user may not read it.
    """
    base = directory.rstrip("/") or "/"
    rows = connection.execute(_LISTING, {"directory": base}).fetchall()
    entries = [(raw.decode(errors="replace"), *rest) for raw, *rest in rows]
    return tuple(
        BackupFile(name, f"{base.rstrip('/')}/{name}", size, modified, isdir)
        for name, size, modified, isdir in entries
    )


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
