"""The table of contents of a custom-format dump, as ``pg_restore -l`` prints it.

Source of the layout: pg_dump's PrintTOCSummary(); header lines begin with ``;``, an entry reads
``dumpId; tableoid oid DESC SCHEMA NAME OWNER``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_TWO_WORDS = (
    "ACCESS METHOD",
    "BLOB METADATA",
    "CHECK CONSTRAINT",
    "DATABASE PROPERTIES",
    "DEFAULT ACL",
    "EVENT TRIGGER",
    "FK CONSTRAINT",
    "FOREIGN SERVER",
    "FOREIGN TABLE",
    "INDEX ATTACH",
    "LARGE OBJECT",
    "MATERIALIZED VIEW DATA",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "PROCEDURAL LANGUAGE",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
    "ROW SECURITY",
    "SECURITY LABEL",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "SHELL TYPE",
    "STATISTICS DATA",
    "TABLE ATTACH",
    "TABLE DATA",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "USER MAPPING",
)
_ENTRY = re.compile(r"^\d+; \d+ \d+ (?P<rest>.+)$")
_WEIGHTS = {"TABLE DATA": 8, "MATERIALIZED VIEW DATA": 8, "INDEX": 4, "CONSTRAINT": 4}


@dataclass(frozen=True, slots=True)
class TocEntry:
    """One object of a dump; ``line`` is what a list file must hold to select it."""

    line: str
    kind: str
    schema: str  # empty where PostgreSQL prints a dash
    name: str
    owner: str  # empty for extensions and comments

    @property
    def number(self) -> int:
        """The entry's id in its dump, by which a parallel pg_restore names it."""
        return int(self.line.partition(";")[0])

    @property
    def weight(self) -> int:
        """How much of the whole restoring this entry takes, roughly: data, then indexes."""
        return _WEIGHTS.get(self.kind, 1)

    @property
    def extension(self) -> str:
        """The extension this entry creates or comments on, empty for others."""
        if self.kind == "EXTENSION":
            return self.name
        is_comment = self.kind == "COMMENT" and self.name.startswith("EXTENSION ")
        return self.name.removeprefix("EXTENSION ") if is_comment else ""


@dataclass(frozen=True, slots=True)
class Toc:
    """A dump's header and entries, in the order they are restored."""

    database: str
    taken_at: datetime | None
    postgres_version: str
    format: str
    entries: tuple[TocEntry, ...]

    def extensions(self) -> tuple[str, ...]:
        """Return the extensions the dump creates."""
        return tuple(e.name for e in self.entries if e.kind == "EXTENSION")

    def owners(self) -> frozenset[str]:
        """Return every role that owns something in the dump."""
        return frozenset(e.owner for e in self.entries if e.owner)

    def names(self, kind: str) -> frozenset[str]:
        """Return ``schema.name`` of all entries of a kind, such as ``TABLE`` or ``INDEX``."""
        return frozenset(f"{e.schema}.{e.name}" for e in self.entries if e.kind == kind)


def list_file(entries: Iterable[TocEntry]) -> str:
    """Return what ``pg_restore --use-list`` must read to restore exactly these entries."""
    return "".join(f"{e.line}\n" for e in entries)


NO_TOC = Toc("", None, "", "", ())
"""Of a dump that cannot be read any more."""


def parse_toc(text: str) -> Toc:
    """Read what ``pg_restore -l`` printed, run with TZ=UTC so that its time is in UTC."""
    header = dict(_header(text))
    taken = header.get("Archive created at", "")
    version = header.get("Dumped from database version", "").split(" ")[0]
    # Not splitlines(): it also cuts at separators that a name may hold, and pg_dump leaves alone.
    entries = tuple(e for e in map(_entry, text.split("\n")) if e is not None)
    return Toc(header.get("dbname", ""), _time(taken), version, header.get("Format", ""), entries)


def _header(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        stripped = line.lstrip("; ").rstrip()
        if not line.startswith(";"):
            return
        if stripped.startswith("Archive created at "):
            yield "Archive created at", stripped.removeprefix("Archive created at ")
        elif ": " in stripped:
            key, value = stripped.split(": ", 1)
            yield key, value


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _entry(line: str) -> TocEntry | None:
    match = _ENTRY.match(line)
    if match is None:
        return None
    rest = match["rest"]
    kind = next((k for k in _TWO_WORDS if rest.startswith(k + " ")), rest.split(" ", 1)[0])
    schema, _, tail = rest[len(kind) + 1 :].partition(" ")
    name, _, owner = tail.rpartition(" ")
    return TocEntry(
        line, kind, "" if schema == "-" else schema, name or owner, owner if name else ""
    )
