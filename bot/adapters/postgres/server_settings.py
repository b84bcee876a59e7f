"""Settings of the whole server: where they come from, and ALTER SYSTEM."""

from __future__ import annotations

from psycopg import sql
from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.core.server_setting import ServerSetting

# What needs a restart counts in pg_file_settings as not applied; the last line wins all the same.
_SETTING = """
SELECT s.name, s.setting AS value, s.source,
       coalesce((SELECT f.setting FROM pg_catalog.pg_file_settings f
                  WHERE pg_catalog.lower(f.name) = s.name
                  ORDER BY f.seqno DESC LIMIT 1), '') AS configured
  FROM pg_catalog.pg_settings s WHERE s.name = %s
"""


def read(connection: Connection, name: str) -> ServerSetting | None:
    """Return a setting, None where it is unknown."""
    with connection.cursor(row_factory=class_row(ServerSetting)) as cursor:
        return cursor.execute(_SETTING, [name.lower()]).fetchone()


def change(connection: Connection, name: str, value: str) -> None:
    """ALTER SYSTEM SET, then have the files read again."""
    statement = sql.SQL("ALTER SYSTEM SET {} = {}")
    connection.execute(statement.format(sql.Identifier(*name.split(".")), sql.Literal(value)))
    connection.execute("SELECT pg_catalog.pg_reload_conf()")
