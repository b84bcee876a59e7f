"""Reading other people's tables without lending them a superuser's rights.

To plan a query PostgreSQL evaluates what an index's predicate or a constraint calls with constants,
with the rights of whoever asks: an ordinary owner of a table could have a superuser's in that way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import LiteralString, TypeAlias

from psycopg import sql
from psycopg.rows import TupleRow

from bot.adapters.postgres.connection import Connection

Table: TypeAlias = tuple[str, str]
"""Schema and name."""

# SET ROLE can be taken back by the code it should keep in check; this cannot.
_READ = """
CREATE FUNCTION pg_temp.tsbot_read(query text) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'BEGIN RETURN QUERY EXECUTE query; END'
"""

_OWNERS = """
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN unnest(%s::text[], %s::text[]) AS t(schema, name)
    ON t.schema = n.nspname AND t.name = c.relname
"""


def read(
    connection: Connection, asked: Sequence[tuple[Table, sql.Composed]], columns: LiteralString
) -> Iterator[TupleRow]:
    """Yield the rows of queries, each with the rights of its table's owner and no others.

    Everything is rolled back, so that nothing of the owners' waits for the commit.

    Args:
        connection: a superuser's, in autocommit.
        asked: each table with a query over it alone; a table that is not there is left out.
        columns: names and types of every query's columns.
    """
    schemas, names = [t[0] for t, _ in asked], [t[1] for t, _ in asked]
    rows = connection.execute(_OWNERS, [schemas, names]).fetchall()
    owners = {(schema, name): owner for schema, name, owner in rows}
    by_owner: dict[str, list[sql.Composed]] = defaultdict(list)
    for table, query in asked:
        if table in owners:
            by_owner[owners[table]].append(query)
    for owner, queries in by_owner.items():
        yield from _as(connection, owner, sql.SQL(" UNION ALL ").join(queries), columns)


def _as(
    connection: Connection, owner: str, query: sql.Composed, columns: LiteralString
) -> list[TupleRow]:
    give = sql.SQL("ALTER FUNCTION pg_temp.tsbot_read(text) OWNER TO {}")
    call = sql.SQL("SELECT * FROM pg_temp.tsbot_read({}) AS t({})").format(
        sql.Literal(query.as_string(connection)), sql.SQL(columns)
    )
    with connection.transaction(force_rollback=True):
        connection.execute(_READ)
        connection.execute(give.format(sql.Identifier(owner)))
        return connection.execute(call).fetchall()
