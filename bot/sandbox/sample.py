"""Sample data after the guide's database, and three dumps of it to play with."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg import sql

from bot.sandbox.postgres import Server

DATABASE = "ecoanp"
OWNER = "sensors"
"""Who owns the sample's tables and its jobs; no superuser, as an application's role should be."""

VIEWS = ("influx_agg_1m", "influx_agg_10m", "influx_agg_1h", "influx_agg_1d")
"""Parents first."""

DAYS = 9
"""Days of readings; more than influx_agg_1d's delay, so that its own policy has something to do."""

# A custom-format dump's head: magic, version 1.15.0, sizes of int and offset, format; then the
# compression's byte, then struct tm as seven ints of a sign's byte and four more.
# Source: pg_dump's WriteHead() and WriteInt().
_HEAD = b"PGDMP\x01\x0f\x00\x04\x08\x01"
_TIME_AT = len(_HEAD) + 1
_TIME_SIZE = 7 * 5


@dataclass(frozen=True, slots=True)
class Dumps:
    """Three files in the backup directory.

    Args:
        newest: a good one, of all readings.
        older: a good one, taken when the last day's readings were not there yet.
        truncated: cut short, and the youngest of the files.
    """

    newest: Path
    older: Path
    truncated: Path


def create(server: Server, backups: Path, *, now: datetime | None = None) -> Dumps:
    """Make the database with its readings, and dump it on the way; takes about 2 s.

    Args:
        server: running.
        backups: made if missing; its files, and what they say of themselves, get times in the
            recent past, as if a nightly job had taken them.
        now: where the readings end.

    Raises:
        ServerFailed: pg_dump failed.
        psycopg.Error: the database could not be made.
    """
    end = now or datetime.now(UTC)
    start = end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    yesterday = end - timedelta(days=1)
    make_directory(backups)
    create_database(server)
    add_readings(server, start, yesterday)
    older = dump(server, backups / f"{DATABASE}-{yesterday:%Y%m%d}.dump", yesterday)
    add_readings(server, yesterday, end)
    newest = dump(server, backups / f"{DATABASE}-{end:%Y%m%d}.dump", end - timedelta(minutes=10))
    name = f"{DATABASE}-{end:%Y%m%d}-truncated.dump"
    return Dumps(newest, older, truncate(newest, backups / name, end - timedelta(minutes=5)))


def create_database(server: Server) -> None:
    """Make the database and all that is in it except readings, owned by OWNER."""
    with psycopg.connect(server.local_dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(OWNER)))
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
        connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
    with psycopg.connect(server.local_dsn(DATABASE), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb; CREATE EXTENSION vector")
    with psycopg.connect(server.local_dsn(DATABASE, OWNER)) as connection:
        connection.execute((files("bot.sandbox") / "sample.sql").read_bytes())


def add_readings(server: Server, start: datetime, end: datetime) -> None:
    """Insert the readings of a time span, and bring every view up to date."""
    with psycopg.connect(server.local_dsn(DATABASE, OWNER), autocommit=True) as connection:
        connection.execute("SELECT take_readings(%s, %s)", [start, end])
        for view in VIEWS:
            connection.execute("CALL refresh_continuous_aggregate(%s, NULL, NULL)", [view])
        connection.execute("ANALYZE influx_data")


def make_directory(backups: Path) -> None:
    """Make the backup directory: readable for the server's user, writable for ours alone."""
    backups.mkdir(parents=True, exist_ok=True)
    backups.chmod(0o755)


def dump(server: Server, path: Path, taken: datetime) -> Path:
    """Dump the database in custom format, as if it had been done at that time."""
    server.run("pg_dump", "--format=custom", f"--file={path}", DATABASE)
    content = path.read_bytes()
    path.write_bytes(content[:_TIME_AT] + _time(content, taken) + content[_TIME_AT + _TIME_SIZE :])
    return _settled(path, taken)


def truncate(whole: Path, path: Path, taken: datetime) -> Path:
    """Copy the first two thirds of a dump, as a full disk would have left it."""
    content = whole.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return _settled(path, taken)


def _time(content: bytes, taken: datetime) -> bytes:
    """Return a dump's time as its head holds it.

    Raises:
        ValueError: it is no dump of the one version that this has been tried with.
    """
    if not content.startswith(_HEAD):
        raise ValueError(f"the dump begins with {content[: len(_HEAD)]!r}, not with {_HEAD!r}")
    at = taken.astimezone(UTC)
    parts = (at.second, at.minute, at.hour, at.day, at.month - 1, at.year - 1900, 0)
    return b"".join(struct.pack("<Bi", 0, part) for part in parts)


def _settled(path: Path, taken: datetime) -> Path:
    path.chmod(0o644)
    os.utime(path, (taken.timestamp(), taken.timestamp()))
    return path
