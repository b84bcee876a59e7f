"""Databases of a server: their facts; creating, renaming, dropping, opening and shutting them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql
from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.core.errors import DatabaseRefused
from bot.core.models import DatabaseFacts

MAX_NAME = 63
"""Bytes of an identifier; PostgreSQL cuts the rest off without an error."""

NAME_TOO_LONG = "42622"

# Columns differ: no datlocprovider before 15, daticulocale in 15 and 16, datlocale since 17.
_FACTS = """
SELECT d.oid::bigint AS oid,
       d.datname AS name,
       pg_catalog.pg_get_userbyid(d.datdba) AS owner,
       pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collate,
       d.datctype AS ctype,
       CASE j.row ->> 'datlocprovider'
            WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS locale_provider,
       coalesce(j.row ->> 'datlocale', j.row ->> 'daticulocale') AS locale,
       t.spcname AS tablespace,
       d.datallowconn AS allows_connections,
       coalesce(pg_catalog.pg_database_size(d.oid), 0) AS size,
       coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') AS comment
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
 CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(d) AS row) j
"""


def by_name(connection: Connection, name: str) -> DatabaseFacts | None:
    """Return the facts of the database of that name."""
    with connection.cursor(row_factory=class_row(DatabaseFacts)) as cursor:
        return cursor.execute(_FACTS + " WHERE d.datname = %s", [name]).fetchone()


def by_oid(connection: Connection, oid: int) -> DatabaseFacts | None:
    """Return the facts of the database with that oid."""
    with connection.cursor(row_factory=class_row(DatabaseFacts)) as cursor:
        return cursor.execute(_FACTS + " WHERE d.oid = %s::oid", [oid]).fetchone()


def create(
    connection: Connection, name: str, like: DatabaseFacts | None, comment: str
) -> DatabaseFacts:
    """Create a database from template0, which no image has installed an extension into.

    Nobody but superusers can connect to it until `settings.apply` lets them: the live database may
    keep people out who would read or plant something here while it is being restored. So it is ours
    until then: an owner could lift the limit.

    Raises:
        DatabaseRefused: the name is too long, or PostgreSQL refuses.
    """
    _check_length(name)
    options: list[sql.Composable] = [sql.SQL("TEMPLATE template0 CONNECTION LIMIT 0")]
    if like is not None:
        options.extend(_options(like, connection.info.server_version))
    identifier = sql.Identifier(name)
    statement = sql.SQL("CREATE DATABASE {} {}").format(identifier, sql.SQL(" ").join(options))
    connection.execute(statement)
    connection.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, sql.Literal(comment))
    )
    made = by_name(connection, name)
    if made is None:
        raise DatabaseRefused(f"database {name} was dropped right after it had been created")
    return made


def _options(like: DatabaseFacts, server_version: int) -> Iterator[sql.Composable]:
    yield sql.SQL("ENCODING {}").format(sql.Literal(like.encoding))
    if server_version >= 150000:  # before, libc was the only one
        yield sql.SQL("LOCALE_PROVIDER {}").format(sql.Identifier(like.locale_provider))
    yield sql.SQL("LC_COLLATE {}").format(sql.Literal(like.collate))
    yield sql.SQL("LC_CTYPE {}").format(sql.Literal(like.ctype))
    if like.locale is not None and like.locale_provider == "icu":
        yield sql.SQL("ICU_LOCALE {}").format(sql.Literal(like.locale))
    if like.locale is not None and like.locale_provider == "builtin":
        yield sql.SQL("BUILTIN_LOCALE {}").format(sql.Literal(like.locale))
    yield sql.SQL("TABLESPACE {}").format(sql.Identifier(like.tablespace))


def drop(connection: Connection, name: str) -> None:
    """Drop a database with its sessions; no effect where there is none of that name."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    connection.execute(statement.format(sql.Identifier(name)))


def allow_connections(connection: Connection, name: str, allowed: bool) -> None:
    """Open a database to new sessions, or shut it even to superusers."""
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(allowed)))


def limit_connections(connection: Connection, name: str, limit: int) -> None:
    """Set how many sessions a database takes, superusers' not counted; -1 for no limit."""
    statement = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(limit)))


def rename(connection: Connection, renames: Sequence[tuple[str, str]]) -> None:
    """Rename databases, all of them or none.

    PostgreSQL waits up to 5 s for sessions that are on their way out. TimescaleDB stops the
    scheduler of each, also where the transaction rolls back: restart the workers in any case.
    """
    for _, new in renames:
        _check_length(new)
    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with connection.transaction():
        for old, new in renames:
            connection.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))


def _check_length(name: str) -> None:
    if len(name.encode()) > MAX_NAME:
        raise DatabaseRefused(
            f"the database name {name} is longer than PostgreSQL's {MAX_NAME} bytes", NAME_TOO_LONG
        )
