"""The time columns of hypertables that count time in dates."""

from __future__ import annotations

from bot.adapters.postgres.connection import Connection

_TIME_COLUMNS = """
SELECT d.hypertable_schema::text, d.hypertable_name::text, d.column_name::text
  FROM timescaledb_information.dimensions d
  JOIN timescaledb_information.hypertables h USING (hypertable_schema, hypertable_name)
 WHERE d.dimension_number = 1
   AND d.column_type = ANY ('{timestamptz,timestamp,date}'::regtype[])
 ORDER BY 1, 2
"""


def time_columns(connection: Connection) -> list[tuple[str, str, str]]:
    """Return schema, table and column, ordered; hypertables by number are left out."""
    rows = connection.execute(_TIME_COLUMNS).fetchall()
    return [(schema, table, column) for schema, table, column in rows]
