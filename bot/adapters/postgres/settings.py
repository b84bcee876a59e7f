"""What a plain pg_dump leaves out: a database's grants, its limit, its settings and its roles'."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg import sql

from bot.adapters.postgres.connection import Connection

LIST_SETTINGS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings stored as a list of quoted names (GUC_LIST_QUOTE, the same six as in pg_dump)."""

_LEFT_BEHIND = "timescaledb.restoring"

_STORED = """
SELECT r.rolname, split_part(c.entry, '=', 1), substr(c.entry, strpos(c.entry, '=') + 1)
  FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS c(entry, place)
 WHERE d.datname = %s AND (s.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY s.setrole, c.place
"""

_GRANTS = """
SELECT g.rolname, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_database d
 CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
 WHERE d.datname = %s AND (a.grantee = 0 OR g.oid IS NOT NULL)
"""

_OWN_SETTINGS = """
SELECT d.datconnlimit, d.datacl IS NOT NULL, pg_catalog.pg_get_userbyid(d.datdba)
  FROM pg_catalog.pg_database d WHERE d.datname = %s
"""

Grant = tuple[str | None, str, bool]


def carry(connection: Connection, source: str, destination: str) -> None:
    """Give one database the grants, connection limit and settings of another, in one transaction.

    Settings the destination has and the source lacks stay; ``timescaledb.restoring`` is not copied.
    Where there is no such source, the destination is opened to everybody, as new ones are.
    """
    with connection.transaction():
        for statement in _statements(connection, source, destination):
            connection.execute(statement)


def split_list(value: str) -> list[str]:
    """Split a stored list of names: ``"$user", public`` is two of them."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^,\s"]+)', value)
    return [quoted.replace('""', '"') or plain for quoted, plain in names]


def _statements(connection: Connection, source: str, destination: str) -> Iterator[sql.Composed]:
    database = sql.Identifier(destination)
    for role, name, value in connection.execute(_STORED, [source]).fetchall():
        if name.lower() != _LEFT_BEHIND:
            yield _setting(database, role, name, value)
    limit = connection.execute(_OWN_SETTINGS, [source]).fetchone()
    most = limit[0] if limit is not None and limit[0] >= -1 else -1  # -2: its DROP was interrupted
    yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(database, sql.Literal(most))
    if limit is not None and limit[1]:
        owner = connection.execute(_OWN_SETTINGS, [destination]).fetchone()
        yield from _grants(
            database,
            owner[2] if owner is not None else limit[2],
            connection.execute(_GRANTS, [source]).fetchall(),
        )


def _setting(database: sql.Identifier, role: str | None, name: str, value: str) -> sql.Composed:
    whose = sql.SQL("DATABASE {}").format(database)
    if role is not None:
        whose = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
    # A list given as one string would be taken for one name with commas in it.
    values = split_list(value) if name.lower() in LIST_SETTINGS else [value]
    return sql.SQL("ALTER {} SET {} TO {}").format(
        whose,
        sql.Identifier(*name.split(".")),
        sql.SQL(", ").join(map(sql.Literal, values or [""])),
    )


def _grants(database: sql.Identifier, owner: str, grants: list[Grant]) -> Iterator[sql.Composed]:
    # Everybody may connect to a new database until that is taken away.
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(
        database, sql.Identifier(owner)
    )
    for role, privilege, grantable in grants:
        yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(privilege),  # one of PostgreSQL's own words
            database,
            sql.SQL("PUBLIC") if role is None else sql.Identifier(role),
            sql.SQL(" WITH GRANT OPTION" if grantable else ""),
        )
