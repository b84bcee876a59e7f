"""TimescaleDB's jobs: what they are, how they went, pausing them and making them due."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from psycopg import sql
from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import (
    TIMESCALEDB,
    has_table,
    timescaledb_schema,
)
from bot.core.errors import DatabaseRefused
from bot.core.jobs import Job

# Infinite times mean running (next_start) or never (the others), and fit no datetime. An interval
# in months counts 30 days for each, and one without end is cut at a thousand years.
#
# The error is the message alone: the view job_errors adds DETAIL to it, which holds rows. A job's
# last entry in the history is of the run that failed, since failures are always kept there.
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
       coalesce(j.config, '{{}}') AS config,
       CASE WHEN pg_catalog.isfinite(s.last_run_started_at) THEN s.last_run_started_at END
           AS started,
       coalesce(s.total_runs, 0) AS runs,
       CASE WHEN s.last_run_status = 'Failed' THEN {error} ELSE '' END AS error
  FROM timescaledb_information.jobs j
  LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = j.owner
 ORDER BY j.job_id
"""


_ERROR = """
coalesce((SELECT h.data -> 'error_data' ->> 'message'
            FROM _timescaledb_internal.bgw_job_stat_history h
           WHERE h.job_id = j.job_id AND h.succeeded IS NOT TRUE ORDER BY h.id DESC LIMIT 1), '')
"""

_HAS_HISTORY = (
    "SELECT pg_catalog.to_regclass('_timescaledb_internal.bgw_job_stat_history') IS NOT NULL"
)


def listed(connection: Connection) -> tuple[Job, ...]:
    """Return every job with its last outcome, ordered by id; none without TimescaleDB."""
    if timescaledb_schema(connection) is None:
        return ()
    # Before 2.15 the history was kept elsewhere; there a failed run is seen without its reason.
    known = connection.execute(_HAS_HISTORY).fetchone() == (True,)
    query = sql.SQL(_JOBS).format(error=sql.SQL(_ERROR if known else "''"))
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return tuple(cursor.execute(query).fetchall())


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
        _refuse_missing(set(job_ids) - {number for (number,) in changed})


def set_owners(connection: Connection, owners: Mapping[int, str]) -> None:
    """Give jobs other owners, all of them or none, in the job catalog as `set_scheduled` does.

    Raises:
        DatabaseRefused: a job or a role does not exist.
    """
    query = sql.SQL("UPDATE {} SET owner = quote_ident(%s)::regrole WHERE id = %s RETURNING id")
    with connection.transaction():
        statement = query.format(_job_table(connection))
        for number, owner in sorted(owners.items()):
            if not connection.execute(statement, [owner, number]).fetchall():
                _refuse_missing({number})


def _refuse_missing(numbers: set[int]) -> None:
    if numbers:
        raise DatabaseRefused(f"there is no job {min(numbers)} in this database")


def kick(connection: Connection, job_id: int) -> None:
    """Make a job due now; a scheduler that runs starts it within 5 s, as the job's owner.

    Not by alter_job(): it runs the job's check of its configuration, which is the owner's code and
    takes back a superuser's rights that were only put aside. The catalog is written, and the
    scheduler told as TimescaleDB itself does it: by invalidating the relation that stands for the
    jobs. A restart of the workers would end the jobs that are running.

    Raises:
        DatabaseRefused: there is no such job.
    """
    known = sql.SQL("SELECT FROM {} WHERE id = %s").format(_job_table(connection))
    if connection.execute(known, [job_id]).fetchone() is None:
        _refuse_missing({job_id})
    told = has_table(connection, TIMESCALEDB, "_timescaledb_cache", "cache_inval_bgw_job")
    with connection.transaction():
        connection.execute(_DUE, {"job": job_id, "never": json.dumps(_NEVER_RAN)})
        if told:
            connection.execute(_TELL)


_TELL = "ALTER TABLE _timescaledb_cache.cache_inval_bgw_job RESET (fillfactor)"

# What TimescaleDB's ts_bgw_job_stat_upsert_next_start() does.
_DUE = """
WITH changed AS (
    UPDATE _timescaledb_internal.bgw_job_stat SET next_start = pg_catalog.now()
     WHERE job_id = %(job)s RETURNING job_id)
INSERT INTO _timescaledb_internal.bgw_job_stat
SELECT (pg_catalog.jsonb_populate_record(NULL::_timescaledb_internal.bgw_job_stat,
           %(never)s::jsonb || pg_catalog.jsonb_build_object(
               'job_id', %(job)s::int, 'next_start', pg_catalog.now()))).*
 WHERE NOT EXISTS (SELECT FROM changed)
"""

_NEVER_RAN = {
    **dict.fromkeys(("last_start", "last_finish", "last_successful_finish"), "-infinity"),
    **dict.fromkeys(("total_duration", "total_duration_failures"), "0"),
    **dict.fromkeys(("total_runs", "total_successes", "total_failures", "total_crashes"), 0),
    **dict.fromkeys(("consecutive_failures", "consecutive_crashes", "flags"), 0),
    "last_run_success": True,
}


def _job_table(connection: Connection) -> sql.Identifier:
    """Return the catalog's table of jobs, which has lived in two schemas."""
    for schema in ("_timescaledb_config", "_timescaledb_catalog"):
        if has_table(connection, TIMESCALEDB, schema, "bgw_job"):
            return sql.Identifier(schema, "bgw_job")
    raise DatabaseRefused("TimescaleDB keeps its jobs in no table that tsbot knows")
