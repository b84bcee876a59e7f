"""From when on a continuous aggregate can be refreshed without losing what only it still holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql
from psycopg.errors import UndefinedColumn, UndefinedTable

from bot.adapters.postgres import as_owner
from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.core.models import ContinuousAggregate

Gap = tuple[datetime, datetime]

_CHUNKS = """
SELECT range_start, range_end FROM timescaledb_information.chunks
 WHERE hypertable_schema || '.' || hypertable_name = %s
   AND range_start > '0001-01-02' AND range_end < '9999-12-31'
 ORDER BY range_start, range_end
"""

_MATERIALIZATION = """
SELECT v.materialization_hypertable_schema, v.materialization_hypertable_name, d.column_name
  FROM timescaledb_information.continuous_aggregates v
  JOIN timescaledb_information.dimensions d
    ON d.hypertable_schema = v.materialization_hypertable_schema
   AND d.hypertable_name = v.materialization_hypertable_name
   AND d.dimension_number = 1
 WHERE v.view_schema = %s AND v.view_name = %s
"""


_WIDTH = """
SELECT b.bucket_width::interval::text
  FROM _timescaledb_catalog.continuous_aggs_bucket_function b
  JOIN _timescaledb_catalog.hypertable h ON h.id = b.mat_hypertable_id
 WHERE h.schema_name = %s AND h.table_name = %s
"""

_NO_WIDTH = "0"
"""Where the catalog is another version's: then each bucket that begins in a gap counts."""


def refreshable_from(connection: Connection, view: ContinuousAggregate) -> datetime | None:
    """Return the start of the oldest chunk of a view's source behind which nothing can be lost.

    A refresh computes each bucket anew from the chunks that are left. Where the view holds a bucket
    that lies between two chunks, retention has dropped what it came from: it would go. One late row
    of years ago is enough for a chunk before such a gap. Where the view holds none the source just
    had no data.

    Returns:
        None where the source has no chunks, or counts its time in numbers.
    """
    if timescaledb_schema(connection) is None:
        return None
    chunks = connection.execute(_CHUNKS, [view.source]).fetchall()
    if not chunks:
        return None
    found = _after_the_last_lossy(connection, view, gaps(chunks))
    return found or chunks[0][0]


def gaps(chunks: Sequence[tuple[datetime, datetime]]) -> list[Gap]:
    """Return the stretches that no chunk covers, between chunks given in order of their start."""
    found: list[Gap] = []
    end = chunks[0][1]
    for start, stop in chunks:
        if start > end:
            found.append((end, start))
        end = max(end, stop)
    return found


def _after_the_last_lossy(
    connection: Connection, view: ContinuousAggregate, between: list[Gap]
) -> datetime | None:
    """Return the end of the newest gap in which the view holds rows, None where there is none."""
    table = connection.execute(_MATERIALIZATION, [view.schema, view.name]).fetchone()
    if table is None or not between:
        return None
    query = sql.SQL(
        "SELECT max(g.stop) FROM unnest({}::timestamptz[], {}::timestamptz[]) AS g(start, stop)"
        " WHERE EXISTS (SELECT FROM {} m WHERE m.{column} >= g.start AND m.{column} < g.stop"
        " AND m.{column} + {width}::interval <= g.stop)"
    ).format(
        sql.Literal([start for start, _ in between]),
        sql.Literal([stop for _, stop in between]),
        sql.Identifier(table[0], table[1]),
        column=sql.Identifier(table[2]),
        width=sql.Literal(_bucket_width(connection, table[0], table[1])),
    )
    rows = as_owner.read(connection, [((table[0], table[1]), query)], "stop timestamptz")
    return next((stop for (stop,) in rows), None)


def _bucket_width(connection: Connection, schema: str, name: str) -> str:
    try:
        row = connection.execute(_WIDTH, [schema, name]).fetchone()
    except (UndefinedColumn, UndefinedTable):
        return _NO_WIDTH
    return _NO_WIDTH if row is None else str(row[0])
