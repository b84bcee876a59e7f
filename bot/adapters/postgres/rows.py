"""Counting the rows of tables as a dump holds them."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_schema
from bot.core.sql_names import Relation

_KINDS = """
SELECT n.nspname, c.relname, c.relkind::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f')
"""


def counted(connection: Connection, tables: Iterable[Relation]) -> dict[Relation, int]:
    """Count each table that is there, alone: what it inherits to has rows of its own.

    Of a partitioned table all partitions are counted, for a dump may load them through it. With
    timescaledb.restoring on, in this session only, TimescaleDB leaves queries as they are: a
    chunk's compressed rows then count where a dump has them, in batches in their own table.
    """
    if timescaledb_schema(connection) is not None:
        connection.execute("SET timescaledb.restoring = on")
    kinds = {(schema, name): kind for schema, name, kind in connection.execute(_KINDS).fetchall()}
    return {t: _count(connection, t, kinds[t] == "p") for t in tables if t in kinds}


def _count(connection: Connection, table: Relation, partitioned: bool) -> int:
    only = sql.SQL("" if partitioned else "ONLY ")
    query = sql.SQL("SELECT pg_catalog.count(*) FROM {}{}").format(only, sql.Identifier(*table))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
