"""What a plain pg_dump leaves out: a database's owner, grants, limit, settings and its roles'."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg import sql

from bot.adapters.postgres.connection import Connection
from bot.core.database_settings import DatabaseGrant, DatabaseSettings, StoredSetting

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

_PRIVILEGES = frozenset({"CONNECT", "CREATE", "TEMPORARY"})
"""All there are on a database. Source: PostgreSQL's documentation, "Privileges"."""

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


def read(connection: Connection, name: str) -> DatabaseSettings | None:
    """Return a database's own settings, None where there is no such database.

    ``timescaledb.restoring`` is left out.
    """
    own = connection.execute(_OWN_SETTINGS, [name]).fetchone()
    if own is None:
        return None
    rows = connection.execute(_STORED, [name]).fetchall()
    stored = tuple(StoredSetting(*row) for row in rows if row[1].lower() != _LEFT_BEHIND)
    grants = None
    if own[1]:
        grants = tuple(DatabaseGrant(*row) for row in connection.execute(_GRANTS, [name]))
    limit = own[0] if own[0] >= -1 else -1  # -2: its DROP was interrupted
    return DatabaseSettings(stored, limit, grants, owner=own[2])


def apply(connection: Connection, name: str, settings: DatabaseSettings) -> None:
    """Give a database these settings, in one transaction; those it has beyond them stay."""
    with connection.transaction():
        own = connection.execute(_OWN_SETTINGS, [name]).fetchone()
        owner = settings.owner or (own[2] if own is not None else "")
        for statement in _statements(sql.Identifier(name), owner, settings):
            connection.execute(statement)


def split_list(value: str) -> list[str]:
    """Split a stored list of names: ``"$user", public`` is two of them."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^,\s"]+)', value)
    return [quoted.replace('""', '"') or plain for quoted, plain in names]


def _statements(
    database: sql.Identifier, owner: str, settings: DatabaseSettings
) -> Iterator[sql.Composed]:
    for stored in settings.stored:
        yield _setting(database, stored)
    if settings.owner:
        yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(owner))
    limit = sql.Literal(settings.limit)
    yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(database, limit)
    if settings.grants is not None:
        yield from _grants(database, owner, settings.grants)


def _setting(database: sql.Identifier, stored: StoredSetting) -> sql.Composed:
    name, value = stored.name, stored.value
    whose = sql.SQL("DATABASE {}").format(database)
    if stored.role is not None:
        whose = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(stored.role), database)
    # A list given as one string would be taken for one name with commas in it.
    values = split_list(value) if name.lower() in LIST_SETTINGS else [value]
    return sql.SQL("ALTER {} SET {} TO {}").format(
        whose,
        sql.Identifier(*name.split(".")),
        sql.SQL(", ").join(map(sql.Literal, values or [""])),
    )


def _grants(
    database: sql.Identifier, owner: str, grants: tuple[DatabaseGrant, ...]
) -> Iterator[sql.Composed]:
    # Everybody may connect to a new database until that is taken away.
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(
        database, sql.Identifier(owner)
    )
    for grant in grants:
        if grant.privilege not in _PRIVILEGES:  # it may come from a log that somebody has edited
            continue
        yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(grant.privilege),  # one of PostgreSQL's own words
            database,
            sql.SQL("PUBLIC") if grant.role is None else sql.Identifier(grant.role),
            sql.SQL(" WITH GRANT OPTION" if grant.grantable else ""),
        )
