"""What GRANT and REVOKE statements of a dump leave granted on tables, sequences and schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.core.sql_names import IDENTIFIER, QUALIFIED, relation, shown, unquoted

Grants = Mapping[str, Mapping[str, frozenset[str]]]
"""By ``schema.name`` or a schema's name, then by role: privileges, also ``SELECT(column)``."""

PUBLIC = "PUBLIC"

_ALL = {
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    "SEQUENCE": ("SELECT", "UPDATE", "USAGE"),
    "SCHEMA": ("USAGE", "CREATE"),
}
"""What ALL means at least; where a later PostgreSQL has more, its own ALL gives that too."""

_ALL_OF_COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
_PRIVILEGE = re.compile(rf"([A-Z]+(?: [A-Z]+)*)(?:\(({IDENTIFIER})\))?,?")
_STATEMENT = re.compile(
    r"^(?P<verb>GRANT|REVOKE) (?P<privileges>.+?) ON (?P<kind>TABLE|SEQUENCE|SCHEMA) "
    rf"(?P<name>{QUALIFIED}) (?:TO|FROM) (?:GROUP )?(?P<role>{IDENTIFIER})"
    r"(?: WITH GRANT OPTION)?;$",
    re.MULTILINE,
)


def parse_grants(sql: str) -> Grants:
    """Read the statements in their order, as pg_dump writes them: one role in each.

    Functions, types, languages and defaults are left out, and so are grant options.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for match in _STATEMENT.finditer(sql):
        if match["privileges"].startswith("GRANT OPTION FOR "):
            continue
        of_schema = match["kind"] == "SCHEMA"
        name = unquoted(match["name"]) if of_schema else shown(relation(match["name"]))
        held = found.setdefault(name, {}).setdefault(unquoted(match["role"]), set())
        privileges = _privileges(match["privileges"], match["kind"])
        (held.update if match["verb"] == "GRANT" else held.difference_update)(privileges)
    return {
        name: {role: frozenset(held) for role, held in roles.items() if held}
        for name, roles in found.items()
    }


def missing(expected: Grants, found: Grants) -> Iterator[str]:
    """Yield ``role: SELECT, UPDATE on schema.name`` for each that is expected and not found."""
    for name, roles in sorted(expected.items()):
        for role, privileges in sorted(roles.items()):
            lost = privileges - found.get(name, {}).get(role, frozenset())
            if lost:
                yield f"{role}: {', '.join(sorted(lost))} on {name}"


def counted_grants(grants: Grants) -> int:
    """Return how many pairs of an object and a role there are."""
    return sum(map(len, grants.values()))


def _privileges(text: str, kind: str) -> Iterator[str]:
    for privilege, column in _PRIVILEGE.findall(text):
        if column:
            names = _ALL_OF_COLUMN if privilege == "ALL" else (privilege,)
            yield from (f"{name}({unquoted(column)})" for name in names)
        else:
            yield from _ALL[kind] if privilege == "ALL" else (privilege,)
