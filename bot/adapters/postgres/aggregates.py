"""Continuous aggregates and the hypertables under them."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql
from psycopg.errors import QueryCanceled

from bot.adapters.postgres import as_owner
from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_function, timescaledb_schema
from bot.adapters.postgres.time_columns import time_columns
from bot.core.errors import DatabaseRefused
from bot.core.models import ContinuousAggregate

FEATURE_NOT_SUPPORTED = "0A000"
UNDEFINED_TABLE = "42P01"

_TIME_TYPES = {
    "timestamp with time zone": sql.SQL("timestamptz"),
    "timestamp without time zone": sql.SQL("timestamp"),
    "date": sql.SQL("date"),
}

# The watermark comes from its table: the function fails where a restore has lost the row, and
# that is just when the others are wanted. Before the first refresh it lies before every datetime.
_AGGREGATES = """
SELECT v.view_schema, v.view_name, v.view_owner::text,
       v.hypertable_schema || '.' || v.hypertable_name,
       v.materialization_hypertable_schema, v.materialization_hypertable_name,
       CASE WHEN d.column_type::text <> ALL (ARRAY['smallint', 'integer', 'bigint'])
             AND w.watermark > -62135596800000000
             AND w.watermark < 253402214400000000
            THEN pg_catalog.to_timestamp(w.watermark / 1000000.0) END
  FROM timescaledb_information.continuous_aggregates v
  JOIN _timescaledb_catalog.hypertable h
    ON h.schema_name = v.materialization_hypertable_schema
   AND h.table_name = v.materialization_hypertable_name
  LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = h.id
  LEFT JOIN timescaledb_information.dimensions d
    ON d.hypertable_schema = h.schema_name AND d.hypertable_name = h.table_name
   AND d.dimension_number = 1
 ORDER BY v.view_schema, v.view_name
"""

_TIME_TYPE = """
SELECT d.column_type::text
  FROM timescaledb_information.continuous_aggregates v
  JOIN timescaledb_information.dimensions d
    ON d.hypertable_schema = v.materialization_hypertable_schema
   AND d.hypertable_name = v.materialization_hypertable_name
   AND d.dimension_number = 1
 WHERE v.view_schema = %s AND v.view_name = %s
"""

_MATERIALIZATION = """
SELECT materialization_hypertable_schema, materialization_hypertable_name
  FROM timescaledb_information.continuous_aggregates WHERE view_schema = %s AND view_name = %s
"""


def listed(connection: Connection) -> tuple[ContinuousAggregate, ...]:
    """Return all continuous aggregates, ordered by name; none without TimescaleDB."""
    if timescaledb_schema(connection) is None:
        return ()
    rows = connection.execute(_AGGREGATES).fetchall()
    filled = _filled(connection, [(row[4], row[5]) for row in rows])
    return tuple(
        ContinuousAggregate(
            schema=schema,
            name=name,
            owner=owner,
            source=source,
            materialization=f"{mat_schema}.{mat_name}",
            has_data=(mat_schema, mat_name) in filled,
            watermark=watermark,
        )
        for schema, name, owner, source, mat_schema, mat_name, watermark in rows
    )


def _filled(connection: Connection, tables: list[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return those of the tables that have rows, asking for all of them at once.

    Not the views: those that aggregate in real time show rows that were never materialized.
    """
    if not tables:
        return frozenset()
    ask = sql.SQL("SELECT {}::text, {}::text WHERE EXISTS (SELECT FROM {})")
    asked = [
        (
            (schema, name),
            ask.format(sql.Literal(schema), sql.Literal(name), sql.Identifier(schema, name)),
        )
        for schema, name in tables
    ]
    rows = as_owner.read(connection, asked, "schema text, name text")
    return frozenset((schema, name) for schema, name in rows)


def newest_row(connection: Connection) -> datetime | None:
    """Return the newest time in any hypertable, None where it takes longer than the session may.

    Those `time_columns` leaves out are left out; a timestamp without time zone counts as UTC.
    """
    if timescaledb_schema(connection) is None:
        return None
    # The bound keeps out what fits no datetime, infinity included, and the index in use.
    ask = sql.SQL("SELECT max({column})::timestamptz FROM {table} WHERE {column} < '9999-12-31'")
    asked = [
        (
            (schema, name),
            ask.format(column=sql.Identifier(column), table=sql.Identifier(schema, name)),
        )
        for schema, name, column in time_columns(connection)
    ]
    # What fits no datetime is left out here, for psycopg could not even fetch it.
    held = sql.SQL("SELECT t FROM ({}) AS newest(t) WHERE t > '0001-01-02'")
    bounded = [(table, held.format(query)) for table, query in asked]
    try:
        rows = tuple(as_owner.read(connection, bounded, "t timestamptz"))
    except QueryCanceled:
        return None
    return max((newest for (newest,) in rows), default=None)


def materialized_rows(connection: Connection, view: ContinuousAggregate) -> int:
    """Count the rows that are materialized, whatever a view in real time adds to them.

    Raises:
        DatabaseRefused: there is no such continuous aggregate.
    """
    table = connection.execute(_MATERIALIZATION, [view.schema, view.name]).fetchone()
    if table is None:
        raise _unknown(view)
    count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table))
    found = as_owner.read(connection, [((table[0], table[1]), count)], "rows bigint")
    return sum(int(rows) for (rows,) in found)


def refresh(
    connection: Connection,
    view: ContinuousAggregate,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Refresh a window in one statement, as the view's owner.

    The view's functions run with the owner's rights, not the superuser's. This keeps accidents
    away, not malice: the session was opened by a superuser, so code that says RESET SESSION
    AUTHORIZATION is superuser again. Only a login as the owner would prevent that.

    Raises:
        DatabaseRefused: no such view, its time is a number, or TimescaleDB refuses the window.
    """
    type_ = _time_type(connection, view)
    procedure = timescaledb_function(connection, "refresh_continuous_aggregate")
    connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(view.owner)))
    call = "CALL {}(pg_catalog.format('%%I.%%I', %s::text, %s::text)::regclass, {}, {})"
    # Each bound is an instant; types without a zone mean UTC, as this session's TimeZone does.
    bound = sql.SQL("%s::timestamptz::{}").format(type_)
    connection.execute(
        sql.SQL(call).format(procedure, bound, bound), [view.schema, view.name, start, end]
    )


def _time_type(connection: Connection, view: ContinuousAggregate) -> sql.SQL:
    row = connection.execute(_TIME_TYPE, [view.schema, view.name]).fetchone()
    if row is None:
        raise _unknown(view)
    if row[0] not in _TIME_TYPES:
        raise DatabaseRefused(
            f"{view.full_name} counts its time in numbers ({row[0]}), not in dates: "
            "refresh it by hand with refresh_continuous_aggregate()",
            FEATURE_NOT_SUPPORTED,
        )
    return _TIME_TYPES[row[0]]


def _unknown(view: ContinuousAggregate) -> DatabaseRefused:
    return DatabaseRefused(f"there is no continuous aggregate {view.full_name}", UNDEFINED_TABLE)
