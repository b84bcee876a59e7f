"""What is written to a database's tables, as far as PostgreSQL counts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from psycopg import sql
from psycopg.errors import QueryCanceled

from bot.adapters.postgres import as_owner
from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.adapters.postgres.time_columns import time_columns
from bot.core.writes import Written

# Tables of extensions, such as the history that pg_cron writes by itself, are nobody's data. The
# catalog's own tables instead of the view of chunks: this is asked while applications are down.
_COUNTERS = """
SELECT {home}, pg_catalog.sum(s.n_tup_ins)::int8, pg_catalog.sum(s.n_tup_upd)::int8,
       pg_catalog.sum(s.n_tup_del)::int8
  FROM pg_catalog.pg_stat_user_tables s {chunks}
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = s.relid AND d.deptype = 'e')
 GROUP BY 1, 2
"""

_PLAIN = sql.SQL(_COUNTERS).format(
    home=sql.SQL("s.schemaname::text, s.relname::text"), chunks=sql.SQL("")
)

_WITH_CHUNKS = sql.SQL(_COUNTERS).format(
    home=sql.SQL(
        "coalesce(c.hypertable_schema, s.schemaname)::text,"
        " coalesce(c.hypertable_name, s.relname)::text"
    ),
    chunks=sql.SQL(
        "LEFT JOIN timescaledb_information.chunks c"
        " ON c.chunk_schema = s.schemaname AND c.chunk_name = s.relname"
    ),
)

_OWN = "_timescaledb"
"""How the schemas begin that TimescaleDB keeps for itself, and materialized rows in."""


def counters(connection: Connection) -> Mapping[str, Written]:
    """Return what was written to each table since its counters began, by ``schema.table``.

    A hypertable's are those of its chunks together. TimescaleDB's own tables are left out, what
    continuous aggregates have materialized among them: no client has written it.
    """
    query = _PLAIN if timescaledb_schema(connection) is None else _WITH_CHUNKS
    return {
        f"{schema}.{table}": Written(inserted, updated, deleted)
        for schema, table, inserted, updated, deleted in connection.execute(query).fetchall()
        if not schema.startswith(_OWN)
    }


def rows_after(connection: Connection, moment: datetime) -> Mapping[str, int] | None:
    """Return how many rows of each hypertable lie after a moment by their own time.

    None where counting takes longer than the session may. Hypertables by number are left out.
    """
    if timescaledb_schema(connection) is None:
        return {}
    ask = sql.SQL("SELECT {}::text, (SELECT count(*) FROM {} WHERE {} > {}::timestamptz)")
    asked = [
        (
            (schema, table),
            ask.format(
                sql.Literal(f"{schema}.{table}"),
                sql.Identifier(schema, table),
                sql.Identifier(column),
                sql.Literal(moment),
            ),
        )
        for schema, table, column in time_columns(connection)
    ]
    try:
        return dict(as_owner.read(connection, asked, "name text, rows bigint"))
    except QueryCanceled:
        return None
