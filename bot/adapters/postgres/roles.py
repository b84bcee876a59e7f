"""Roles of the server: who there is, and what they may do."""

from __future__ import annotations

from collections.abc import Collection

from psycopg.rows import class_row

from bot.adapters.postgres.connection import Connection
from bot.core.roles import Role

_ROLES = """
SELECT r.rolname AS name,
       r.rolcanlogin AS can_login,
       r.rolsuper AS superuser,
       ARRAY(SELECT o.rolname FROM pg_catalog.pg_roles o
              WHERE o.rolname = ANY(%(names)s) AND pg_catalog.pg_has_role(r.oid, o.oid, 'USAGE'))
           AS acts_as
  FROM pg_catalog.pg_roles r WHERE r.rolname = ANY(%(names)s)
"""


def among(connection: Connection, names: Collection[str]) -> dict[str, Role]:
    """Return those of the named roles that exist."""
    with connection.cursor(row_factory=class_row(Role)) as cursor:
        found = cursor.execute(_ROLES, {"names": list(names)}).fetchall()
    return {
        role.name: Role(role.name, role.can_login, role.superuser, frozenset(role.acts_as))
        for role in found
    }
