"""What TimescaleDB's policies have to do, read from its catalog: the proof of what a run did.

Nothing here calls a function of the database's users, such as a hypertable's idea of now: we are
superuser. Policies over time in numbers are left out for that reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import LiteralString

from psycopg import sql
from psycopg.errors import UndefinedColumn, UndefinedTable

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.core.jobs import JobWork

_POLICIES = """
SELECT j.job_id, j.proc_name, coalesce((j.config ->> 'mat_hypertable_id')::int, h.id)
  FROM timescaledb_information.jobs j
  LEFT JOIN _timescaledb_catalog.hypertable h
    ON h.id = (j.config ->> 'hypertable_id')::int
 WHERE j.job_id = ANY (%s::int[]) AND j.proc_schema LIKE '\\_timescaledb\\_%%'
   AND EXISTS (SELECT FROM _timescaledb_catalog.dimension d
                WHERE d.hypertable_id = coalesce((j.config ->> 'mat_hypertable_id')::int, h.id)
                  AND d.column_type = ANY ('{timestamptz,timestamp,date}'::regtype[]))
"""

# How far a continuous aggregate has come: its watermark, and how far changes of its source are
# looked after.
_MARK = """
SELECT coalesce((SELECT w.watermark::text
                   FROM _timescaledb_catalog.continuous_aggs_watermark w
                  WHERE w.mat_hypertable_id = %(table)s), '')
"""
_THRESHOLD = """
SELECT coalesce((SELECT t.watermark::text
                   FROM _timescaledb_catalog.continuous_agg a
                   JOIN _timescaledb_catalog.continuous_aggs_invalidation_threshold t
                     ON t.hypertable_id = a.raw_hypertable_id
                  WHERE a.mat_hypertable_id = %(table)s), '')
"""

# A run that does its work over again, since the view below it came later, shows in nothing else.
_WRITTEN = """
SELECT coalesce(sum(pg_catalog.pg_stat_get_tuples_inserted(t.oid)
                    + pg_catalog.pg_stat_get_tuples_updated(t.oid)
                    + pg_catalog.pg_stat_get_tuples_deleted(t.oid)), 0)
  FROM (SELECT pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', chunk_schema, chunk_name))::oid
          FROM timescaledb_information.chunks c
          JOIN _timescaledb_catalog.hypertable h
            ON h.schema_name = c.hypertable_schema AND h.table_name = c.hypertable_name
         WHERE h.id = %(table)s) t(oid)
"""

# The invalidations in a refresh policy's window, up to what has been looked after so far; those at
# the window's edges that are narrower than a bucket wait for a window that holds all of it.
_INVALIDATED = """
WITH policy AS (
    SELECT a.mat_hypertable_id, a.raw_hypertable_id,
           coalesce(extract(epoch FROM pg_catalog.now()
               - (j.config ->> 'start_offset')::interval) * 1000000,
               -9223372036854775808) AS low,
           least(extract(epoch FROM pg_catalog.now()
               - (j.config ->> 'end_offset')::interval) * 1000000, t.watermark) AS high,
           extract(epoch FROM b.bucket_width::interval) * 1000000 AS width
      FROM timescaledb_information.jobs j
      JOIN _timescaledb_catalog.continuous_agg a
        ON a.mat_hypertable_id = (j.config ->> 'mat_hypertable_id')::int
      JOIN _timescaledb_catalog.continuous_aggs_invalidation_threshold t
        ON t.hypertable_id = a.raw_hypertable_id
      JOIN _timescaledb_catalog.continuous_aggs_bucket_function b
        ON b.mat_hypertable_id = a.mat_hypertable_id
     WHERE j.job_id = %(job)s
), logged AS (
    SELECT m.lowest_modified_value AS low, m.greatest_modified_value AS high
      FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log m, policy p
     WHERE m.materialization_id = p.mat_hypertable_id
       AND least(m.greatest_modified_value::numeric + 1, p.high)
           - greatest(m.lowest_modified_value, p.low) >= p.width
    UNION
    SELECT s.lowest_modified_value, s.greatest_modified_value
      FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log s, policy p
     WHERE s.hypertable_id = p.raw_hypertable_id
       AND s.greatest_modified_value >= p.low + p.width
       AND s.lowest_modified_value < p.high - p.width
)
SELECT low, high FROM logged LIMIT 10000
"""

# Chunks that are wholly older than the policy's limit; compressed ones have nothing to wait for.
_OLD_CHUNKS = """
SELECT DISTINCT (extract(epoch FROM c.range_start) * 1000000)::bigint,
       (extract(epoch FROM c.range_end) * 1000000)::bigint
  FROM timescaledb_information.jobs j
  JOIN _timescaledb_catalog.hypertable h ON h.id = (j.config ->> 'hypertable_id')::int
  JOIN timescaledb_information.chunks c
    ON c.hypertable_schema = h.schema_name AND c.hypertable_name = h.table_name
 WHERE j.job_id = %(job)s AND pg_catalog.isfinite(c.range_start)
   AND NOT (c.is_compressed AND {compresses})
   AND c.range_end <= pg_catalog.now() - (j.config ->> {limit})::interval
 LIMIT 10000
"""

_REFRESH = "policy_refresh_continuous_aggregate"
_LIMITS = {"policy_retention": "drop_after", "policy_compression": "compress_after"}


def read(connection: Connection, job_ids: Sequence[int]) -> Mapping[int, JobWork]:
    """Return what policies over dates and times have to do now, by job id.

    Other jobs are left out, and what this version of TimescaleDB keeps elsewhere is empty.
    """
    if not job_ids or timescaledb_schema(connection) is None:
        return {}
    found: dict[int, JobWork] = {}
    for job, procedure, table in connection.execute(_POLICIES, [list(job_ids)]).fetchall():
        if procedure == _REFRESH:
            found[job] = _refreshing(connection, job, table)
        elif procedure in _LIMITS:
            query = sql.SQL(_OLD_CHUNKS).format(
                limit=sql.Literal(_LIMITS[procedure]),
                compresses=sql.Literal(procedure == "policy_compression"),
            )
            found[job] = JobWork(_ranges(connection, query, job, table))
    return found


def _refreshing(connection: Connection, job: int, table: int) -> JobWork:
    mark = f"{_value(connection, _MARK, table)}/{_value(connection, _THRESHOLD, table)}"
    due = _ranges(connection, sql.SQL(_INVALIDATED), job, table)
    return JobWork(due, mark, int(_value(connection, _WRITTEN, table) or 0))


def _ranges(
    connection: Connection, query: sql.SQL | sql.Composed, job: int, table: int
) -> frozenset[tuple[int, int]]:
    try:
        rows = connection.execute(query, {"job": job, "table": table}).fetchall()
    except (UndefinedTable, UndefinedColumn):
        return frozenset()
    return frozenset((int(low), int(high)) for low, high in rows)


def _value(connection: Connection, query: LiteralString, table: int) -> str:
    try:
        row = connection.execute(query, {"table": table}).fetchone()
    except (UndefinedTable, UndefinedColumn):
        return ""
    return "" if row is None else str(row[0])
