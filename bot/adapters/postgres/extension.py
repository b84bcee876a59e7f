"""Extensions of a database, and where TimescaleDB's functions live."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from bot.adapters.postgres.connection import Connection
from bot.core.errors import DatabaseRefused

TIMESCALEDB = "timescaledb"

UNDEFINED_FUNCTION = "42883"
PLANTED = "42501"  # insufficient_privilege

_SCHEMA = """
SELECT n.nspname
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = %s
"""


def installed(connection: Connection) -> Mapping[str, str]:
    """Return the installed extensions with their versions."""
    query = "SELECT extname, extversion FROM pg_catalog.pg_extension ORDER BY extname"
    return dict(connection.execute(query).fetchall())


def create(connection: Connection, name: str, version: str | None) -> None:
    """Create an extension unless it exists, with what it requires.

    The session's search_path must begin with the schema that movable extensions belong in.
    """
    wanted: sql.Composable = sql.SQL("")
    if version is not None:
        wanted = sql.SQL(" VERSION {}").format(sql.Literal(version))
    statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}{} CASCADE")
    connection.execute(statement.format(sql.Identifier(name), wanted))


def update(connection: Connection, name: str, version: str) -> None:
    """Bring an extension to a version; must be the session's first statement."""
    statement = sql.SQL("ALTER EXTENSION {} UPDATE TO {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(version)))


def available(connection: Connection) -> Mapping[str, frozenset[str]]:
    """Return the versions of each extension that CREATE EXTENSION could install."""
    query = """
    SELECT name, pg_catalog.array_agg(version) FROM pg_catalog.pg_available_extension_versions
     GROUP BY name ORDER BY name
    """
    return {name: frozenset(versions) for name, versions in connection.execute(query).fetchall()}


def defaults(connection: Connection) -> Mapping[str, str]:
    """Return the version of each extension that CREATE EXTENSION installs unless told otherwise."""
    query = "SELECT name, default_version FROM pg_catalog.pg_available_extensions ORDER BY name"
    return dict(connection.execute(query).fetchall())


def can_update(connection: Connection, name: str, version: str, to: str) -> bool:
    """Whether update scripts lead from one version of an extension to another."""
    query = """
    SELECT FROM pg_catalog.pg_extension_update_paths(%s)
     WHERE source = %s AND target = %s AND path IS NOT NULL
    """
    return connection.execute(query, [name, version, to]).fetchone() is not None


def timescaledb_schema(connection: Connection) -> str | None:
    """Return the schema TimescaleDB was created in, None where it is not installed."""
    row = connection.execute(_SCHEMA, [TIMESCALEDB]).fetchone()
    return None if row is None else str(row[0])


def timescaledb_function(connection: Connection, name: str) -> sql.Identifier:
    """Return the qualified name of one of TimescaleDB's public functions.

    Raises:
        DatabaseRefused: TimescaleDB is not installed in this database, or it is not certain that
            its own function would be called.
    """
    schema = timescaledb_schema(connection)
    if schema is None:
        raise DatabaseRefused(
            f"TimescaleDB is not installed in database {connection.info.dbname}",
            UNDEFINED_FUNCTION,
        )
    return function_of(connection, TIMESCALEDB, schema, name)


def function_of(connection: Connection, extension: str, schema: str, name: str) -> sql.Identifier:
    """Return the qualified name of an extension's function that a superuser may call.

    Whoever may create functions in that schema can make one of the same name whose arguments fit
    ours better. What is made between this look and the call is not seen.

    Raises:
        DatabaseRefused: there is no such function, or another one of that name beside it.
    """
    query = sql.SQL(_FUNCTIONS).format(_MEMBER)
    values = {"extension": extension, "schema": schema, "name": name}
    rows = connection.execute(query, values).fetchall()
    if not rows:
        raise DatabaseRefused(
            f"there is no {schema}.{name}() in database {connection.info.dbname}",
            UNDEFINED_FUNCTION,
        )
    if not all(own for (own,) in rows):
        raise DatabaseRefused(
            f"database {connection.info.dbname} has a function {schema}.{name} that is not "
            f"{extension}'s; a superuser must not call it: see who made it, and drop it",
            PLANTED,
        )
    return sql.Identifier(schema, name)


def has_table(connection: Connection, extension: str, schema: str, name: str) -> bool:
    """Whether a table is there and is the extension's own, not one that only looks like it."""
    query = sql.SQL(_TABLE).format(_MEMBER)
    values = {"extension": extension, "schema": schema, "name": name}
    return connection.execute(query, values).fetchone() == (True,)


# Whoever owns a trusted extension can add objects of their own to it: so the owner counts too.
_MEMBER = sql.SQL("""
EXISTS (SELECT FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
           AND d.classid = o.tableoid AND d.objid = o.oid AND e.extname = %(extension)s)
AND r.rolsuper
""")

_FUNCTIONS = """
SELECT {}
  FROM pg_catalog.pg_proc o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace
  JOIN pg_catalog.pg_roles r ON r.oid = o.proowner
 WHERE n.nspname = %(schema)s AND o.proname = %(name)s
"""

_TABLE = """
SELECT {}
  FROM pg_catalog.pg_class o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
  JOIN pg_catalog.pg_roles r ON r.oid = o.relowner
 WHERE n.nspname = %(schema)s AND o.relname = %(name)s AND o.relkind = 'r'
"""
