"""The time columns of hypertables that a superuser may put a condition on."""

from __future__ import annotations

from bot.adapters.postgres.connection import Connection

# Not those of a type of somebody's own, which may have casts, nor those with a partitioning
# function: TimescaleDB calls it to plan a condition, as whoever asks.
_TIME_COLUMNS = """
SELECT h.schema_name::text, h.table_name::text, d.column_name::text
  FROM _timescaledb_catalog.dimension d
  JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
  JOIN timescaledb_information.hypertables v
    ON v.hypertable_schema = h.schema_name AND v.hypertable_name = h.table_name
 WHERE d.id = (SELECT min(f.id) FROM _timescaledb_catalog.dimension f
                WHERE f.hypertable_id = h.id)
   AND d.column_type = ANY ('{timestamptz,timestamp,date}'::regtype[])
   AND NOT EXISTS (SELECT FROM _timescaledb_catalog.dimension f
                    WHERE f.hypertable_id = h.id AND f.interval_length IS NOT NULL
                      AND f.partitioning_func IS NOT NULL)
 ORDER BY 1, 2
"""


def time_columns(connection: Connection) -> list[tuple[str, str, str]]:
    """Return schema, table and column, ordered; hypertables by number are left out."""
    rows = connection.execute(_TIME_COLUMNS).fetchall()
    return [(schema, table, column) for schema, table, column in rows]
