"""TimescaleDB's jobs: what they are, how they went, and pausing them."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql
from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.core.errors import DatabaseRefused
from bot.core.models import Job

# Infinite times mean running (next_start) or never (the others), and fit no datetime. An interval
# in months counts 30 days for each, and one without end is cut at a thousand years.
_JOBS = """
SELECT j.job_id AS id,
       j.application_name AS application,
       j.proc_name AS procedure,
       coalesce(r.rolname, '') AS owner,
       j.scheduled,
       make_interval(secs => least(extract(epoch FROM j.schedule_interval), 31536000000)
                             ::double precision) AS interval,
       CASE WHEN pg_catalog.isfinite(j.next_start) THEN j.next_start END AS next_start,
       coalesce(j.next_start = '-infinity', false) AS running,
       coalesce(j.hypertable_schema || '.' || j.hypertable_name, '') AS hypertable,
       coalesce(s.last_run_status, '') AS last_status,
       CASE WHEN pg_catalog.isfinite(s.last_successful_finish)
            THEN s.last_successful_finish END AS last_success,
       coalesce(j.config, '{}') AS config
  FROM timescaledb_information.jobs j
  LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = j.owner
 ORDER BY j.job_id
"""


def listed(connection: Connection) -> tuple[Job, ...]:
    """Return every job with its last outcome, ordered by id; none without TimescaleDB."""
    if timescaledb_schema(connection) is None:
        return ()
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return tuple(cursor.execute(_JOBS).fetchall())


def set_scheduled(connection: Connection, job_ids: Sequence[int], scheduled: bool) -> None:
    """Pause or re-arm exactly these jobs, all of them or none.

    Works while timescaledb.restoring is on: between pg_restore and timescaledb_post_restore() is
    the time to pause, for afterwards each job is due at once. A running scheduler notices only
    when it is restarted.

    The catalog is written directly because alter_job() cannot: from 2.22.1 to at least 2.26.0 it
    answers "multiple refresh policies are not supported for hierarchical continuous aggregates"
    for each policy of a view on a view, whatever is altered.

    Raises:
        DatabaseRefused: one of them does not exist.
    """
    if not job_ids:
        return
    query = sql.SQL("UPDATE {} SET scheduled = %s WHERE id = ANY(%s::int[]) RETURNING id")
    with connection.transaction():
        changed = connection.execute(
            query.format(_job_table(connection)), [scheduled, list(job_ids)]
        ).fetchall()
        missing = sorted(set(job_ids) - {number for (number,) in changed})
        if missing:
            raise DatabaseRefused(f"there is no job {missing[0]} in this database")


def _job_table(connection: Connection) -> sql.Identifier:
    """Return the catalog's table of jobs, which has lived in two schemas."""
    row = connection.execute(
        "SELECT n.nspname FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relname = 'bgw_job' AND c.relkind = 'r'"
        " AND n.nspname IN ('_timescaledb_config', '_timescaledb_catalog')"
    ).fetchone()
    if row is None:
        raise DatabaseRefused("TimescaleDB keeps its jobs in no table that tsbot knows")
    return sql.Identifier(row[0], "bgw_job")
