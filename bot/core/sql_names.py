"""Names as SQL writes them: plain, or in double quotes with each quote doubled."""

from __future__ import annotations

import re

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\s".,;()]+)'
"""A regular expression for one name, quoted or not."""

QUALIFIED = rf"(?:{IDENTIFIER}\.)?{IDENTIFIER}"
"""The same for a name with or without its schema."""

_PART = re.compile(IDENTIFIER)

Relation = tuple[str, str]
"""Schema and name, both as they are in PostgreSQL's catalog."""


def unquoted(name: str) -> str:
    """Return one name as it is in the catalog."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def relation(name: str, schema: str = "") -> Relation:
    """Return schema and name of a qualified name; ``schema`` is that of an unqualified one."""
    *before, last = _PART.findall(name)
    return (unquoted(before[0]) if before else schema, unquoted(last))


def shown(found: Relation) -> str:
    """Return ``schema.name`` for people and for the sets of names that are compared."""
    return f"{found[0]}.{found[1]}"
