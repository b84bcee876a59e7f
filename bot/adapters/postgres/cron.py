"""pg_cron's table of jobs, in the one database it lives in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg import sql

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import has_table
from bot.core.cron import CronJob, cron_jobs
from bot.core.errors import DatabaseRefused

_JOBS = "SELECT pg_catalog.to_jsonb(j) FROM cron.job j ORDER BY j.jobid"
_NEXT = """
SELECT pg_catalog.setval('cron.jobid_seq', greatest(
    (SELECT max(j.jobid) FROM cron.job j), (SELECT s.last_value FROM cron.jobid_seq s)))
"""

_FORGET = """
DELETE FROM cron.job_run_details WHERE start_time IS NULL OR start_time <= %s
"""


def listed(connection: Connection) -> tuple[CronJob, ...]:
    """Return every job, ordered by id; none without pg_cron."""
    if not _is_there(connection):
        return ()
    rows = connection.execute(_JOBS).fetchall()
    return cron_jobs({key: _text(value) for key, value in row.items()} for (row,) in rows)


def _text(value: object) -> str | None:
    """Return a value as COPY writes it."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return None if value is None else str(value)


def load(connection: Connection, jobs: Sequence[CronJob]) -> None:
    """Put in these jobs in the place of those with their ids, all or none.

    The launcher reads the table when the transaction is committed: what is not active then is not
    started in between.

    Raises:
        DatabaseRefused: this version of pg_cron has other columns, or there is no pg_cron.
    """
    _require(connection)
    numbers = [job.id for job in jobs]
    with connection.transaction():
        connection.execute("DELETE FROM cron.job WHERE jobid = ANY (%s)", [numbers])
        for job in jobs:
            connection.execute(_insert(job.columns), list(job.columns.values()))
        if jobs:
            connection.execute(_NEXT)


def _insert(columns: Iterable[str]) -> sql.Composed:
    names = [sql.Identifier(name) for name in columns]
    return sql.SQL("INSERT INTO cron.job ({}) VALUES ({})").format(
        sql.SQL(", ").join(names), sql.SQL(", ").join(sql.Placeholder() * len(names))
    )


def set_active(connection: Connection, job_ids: Sequence[int], active: bool) -> tuple[int, ...]:
    """Pause or re-arm these jobs and return which of them are still there."""
    if not job_ids:
        return ()
    _require(connection)
    changed = connection.execute(
        "UPDATE cron.job SET active = %s WHERE jobid = ANY (%s) RETURNING jobid",
        [active, list(job_ids)],
    ).fetchall()
    return tuple(sorted(number for (number,) in changed))


def forget_runs(connection: Connection, until: datetime) -> None:
    """Delete the rows of runs that began by then, and of those that never did."""
    _require(connection)
    connection.execute(_FORGET, [until])


def _is_there(connection: Connection) -> bool:
    """Whether these are pg_cron's tables: others of that name may have triggers and functions."""
    return has_table(connection, "pg_cron", "cron", "job")


def _require(connection: Connection) -> None:
    if not _is_there(connection):
        raise DatabaseRefused(f"pg_cron is not installed in database {connection.info.dbname}")
