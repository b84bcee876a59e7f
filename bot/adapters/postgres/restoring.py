"""timescaledb.restoring: turned on and off, its effective value, and every place it is set."""

from __future__ import annotations

from psycopg import sql
from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import (
    TIMESCALEDB,
    function_of,
    timescaledb_function,
    timescaledb_schema,
)
from bot.core.errors import DatabaseRefused
from bot.core.models import RestoringLayer

ALL_ROLES = "all roles"
_NAME = sql.Identifier("timescaledb", "restoring")

_LAYERS = """
SELECT CASE WHEN s.setrole = 0 AND s.setdatabase <> 0 THEN 'database'
            WHEN s.setdatabase = 0 THEN 'role' ELSE 'database and role' END AS where,
       CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole)
            WHEN s.setdatabase = 0 THEN 'all roles'
            ELSE pg_catalog.current_database() END AS detail,
       pg_catalog.split_part(c.entry, '=', 2) AS value
  FROM pg_catalog.pg_db_role_setting s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(entry)
 WHERE pg_catalog.lower(pg_catalog.split_part(c.entry, '=', 1)) = 'timescaledb.restoring'
   AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database()))
UNION ALL
SELECT CASE WHEN f.sourcefile LIKE '%%/postgresql.auto.conf' THEN 'system' ELSE 'file' END,
       f.sourcefile || ':' || f.sourceline, coalesce(f.setting, '')
  FROM pg_catalog.pg_file_settings f
 WHERE pg_catalog.lower(f.name) = 'timescaledb.restoring'
UNION ALL
SELECT 'system', p.source, p.setting
  FROM pg_catalog.pg_settings p
 WHERE p.name = 'timescaledb.restoring' AND p.source IN ('command line', 'environment variable')
 ORDER BY 1, 2
"""


def begin(connection: Connection) -> None:
    """Call timescaledb_pre_restore(): sets restoring on and stops this database's workers."""
    _call(connection, "timescaledb_pre_restore")


def end(connection: Connection) -> None:
    """Call timescaledb_post_restore(): checks the version, resets restoring, starts the workers."""
    _call(connection, "timescaledb_post_restore")


def effective(connection: Connection) -> str:
    """Return this session's timescaledb.restoring, ``off`` where it has never been heard of."""
    # The first query makes TimescaleDB load its library, which is what defines the setting.
    timescaledb_schema(connection)
    row = connection.execute(
        "SELECT pg_catalog.current_setting('timescaledb.restoring', true)"
    ).fetchone()
    return (row[0] if row is not None else None) or "off"


def layers(connection: Connection) -> tuple[RestoringLayer, ...]:
    """Return every place where it is set for this database, off as well as on."""
    timescaledb_schema(connection)
    with connection.cursor(row_factory=class_row(RestoringLayer)) as cursor:
        return tuple(cursor.execute(_LAYERS).fetchall())


def reset(connection: Connection, layer: RestoringLayer) -> None:
    """Take the setting away where a statement can; see the port.

    Raises:
        DatabaseRefused: it stands in a file or on the command line.
    """
    timescaledb_schema(connection)  # or the name is unknown to ALTER SYSTEM
    database = sql.Identifier(connection.info.dbname)
    role = sql.SQL("ALL") if layer.detail == ALL_ROLES else sql.Identifier(layer.detail)
    statements = {
        "database": sql.SQL("ALTER DATABASE {} RESET {}").format(database, _NAME),
        "role": sql.SQL("ALTER ROLE {} RESET {}").format(role, _NAME),
        "database and role": sql.SQL("ALTER ROLE {} IN DATABASE {} RESET {}").format(
            role, database, _NAME
        ),
        "system": sql.SQL("ALTER SYSTEM RESET {}").format(_NAME),
    }
    if layer.where not in statements or (layer.where == "system" and ":" not in layer.detail):
        raise DatabaseRefused(f"timescaledb.restoring in {layer.detail} is reset by no statement")
    connection.execute(statements[layer.where])
    if layer.where == "system":
        connection.execute("SELECT pg_catalog.pg_reload_conf()")


def restart_workers(connection: Connection) -> None:
    """Send this database's scheduler a restart.

    Must be a call of its own in autocommit: inside a transaction the new scheduler can still
    read ``restoring = on`` and end.
    """
    schema, name = "_timescaledb_functions", "restart_background_workers"
    function = function_of(connection, TIMESCALEDB, schema, name)
    connection.execute(sql.SQL("SELECT {}()").format(function))


def _call(connection: Connection, name: str) -> None:
    function = timescaledb_function(connection, name)
    connection.execute(sql.SQL("SELECT {}()").format(function))
