"""What is written to a database's tables, as far as PostgreSQL counts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from psycopg import sql
from psycopg.errors import QueryCanceled

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.core.writes import Written

# Tables of extensions, such as the history that pg_cron writes by itself, are nobody's data.
_COUNTERS = """
SELECT s.schemaname, s.relname, s.n_tup_ins, s.n_tup_upd, s.n_tup_del
  FROM pg_catalog.pg_stat_user_tables s
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = s.relid AND d.deptype = 'e')
"""

_CHUNKS = """
SELECT chunk_schema, chunk_name, hypertable_schema, hypertable_name
  FROM timescaledb_information.chunks
"""

_TIME_COLUMNS = """
SELECT d.hypertable_schema, d.hypertable_name, d.column_name
  FROM timescaledb_information.dimensions d
  JOIN timescaledb_information.hypertables h USING (hypertable_schema, hypertable_name)
 WHERE d.dimension_number = 1
   AND d.column_type::text LIKE ANY (ARRAY['timestamp%', 'date'])
 ORDER BY 1, 2
"""

_OWN = "_timescaledb"
"""How the schemas begin that TimescaleDB keeps for itself, and materialized rows in."""


def counters(connection: Connection) -> Mapping[str, Written]:
    """Return what was written to each table since its counters began, by ``schema.table``.

    A hypertable's are those of its chunks together. TimescaleDB's own tables are left out, what
    continuous aggregates have materialized among them: no client has written it.
    """
    homes: dict[tuple[str, str], tuple[str, str]] = {}
    if timescaledb_schema(connection) is not None:
        for schema, name, home, table in connection.execute(_CHUNKS).fetchall():
            homes[schema, name] = (home, table)
    found: dict[str, Written] = {}
    for schema, name, inserted, updated, deleted in connection.execute(_COUNTERS).fetchall():
        home, table = homes.get((schema, name), (schema, name))
        if home.startswith(_OWN):
            continue
        count = Written(inserted, updated, deleted)
        key = f"{home}.{table}"
        found[key] = count.plus(found[key]) if key in found else count
    return found


def rows_after(connection: Connection, moment: datetime) -> Mapping[str, int] | None:
    """Return how many rows of each hypertable lie after a moment by their own time.

    None where counting takes longer than the session may. Hypertables by number are left out.
    """
    if timescaledb_schema(connection) is None:
        return {}
    ask = sql.SQL("SELECT {}::text, (SELECT count(*) FROM {} WHERE {} > {}::timestamptz)")
    asked = [
        ask.format(
            sql.Literal(f"{schema}.{table}"),
            sql.Identifier(schema, table),
            sql.Identifier(column),
            sql.Literal(moment),
        )
        for schema, table, column in connection.execute(_TIME_COLUMNS).fetchall()
    ]
    if not asked:
        return {}
    try:
        return dict(connection.execute(sql.SQL(" UNION ALL ").join(asked)).fetchall())
    except QueryCanceled:
        return None
