"""A dump as SQL, read while it streams by: rows are counted and forgotten.

What is kept is TimescaleDB's catalog, the grants, and one number for each table. The layout is
pg_dump's: each entry begins with a comment of three lines, and the rows of a table are one COPY
block after such a comment. COPY's text format escapes newlines, so a row is a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.core.sql_names import QUALIFIED, Relation, relation

CATALOG_SCHEMAS = ("_timescaledb_catalog", "_timescaledb_config")

CATALOG_TABLES = frozenset(
    {
        "bgw_job",
        "chunk",
        "chunk_constraint",
        "compression_settings",
        "continuous_agg",
        "dimension",
        "dimension_slice",
        "hypertable",
        "metadata",
    }
)
"""What of the catalog is kept; the rest is only counted."""

_HEADER = re.compile(
    rb"(?:^|\n)-- (?:Data for )?Name: (?P<name>[^\n]*); Type: (?P<kind>TABLE DATA|ACL);"
    rb" Schema: (?P<schema>[^\n]*); Owner: [^\n]*\n--\n\n"
)
_COPY = re.compile(
    rb"(?:--[^\n]*\n+)*COPY (?P<table>" + QUALIFIED.encode() + rb") [^;]*?FROM stdin;\n"
)
_END = b"\n\\.\n"
_NEXT_ENTRY = b"\n--\n"
_STATEMENT_MOST = 256 * 2**10
"""Bytes a COPY statement may have: PostgreSQL's 1,600 columns of 63 bytes, quoted."""


@dataclass
class DumpScan:
    """Takes what ``pg_restore --file=-`` prints, piece by piece.

    Args:
        rows: rows in the dump for each table; nothing for tables written as INSERTs.
        uncounted: tables whose rows are no COPY block, by the name the comment has.
    """

    rows: dict[Relation, int] = field(default_factory=dict)
    uncounted: list[str] = field(default_factory=list)
    _catalog: bytearray = field(default_factory=bytearray)
    _acl: bytearray = field(default_factory=bytearray)
    _rest: bytes = b""
    _table: Relation | None = None
    _in_acl: bool = False

    @property
    def catalog(self) -> str:
        """The COPY blocks of TimescaleDB's catalog."""
        return self._catalog.decode("utf-8", "replace")

    @property
    def acl(self) -> str:
        """All GRANT and REVOKE statements, in their order."""
        return self._acl.decode("utf-8", "replace")

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._rest += data
        while self._step():
            pass

    def end(self) -> None:
        """Take the end: the last grants may be what the output ends with."""
        if self._in_acl:
            self._acl += self._rest
        self._rest = b""

    def _step(self) -> bool:
        """Read on and say whether there may be more to read without further bytes."""
        if self._table is not None:
            return self._in_block(self._table)
        return self._in_grants() if self._in_acl else self._in_sql()

    def _in_block(self, table: Relation) -> bool:
        end = self._rest.find(_END)
        done = end + 1 if end >= 0 else max(0, len(self._rest) - len(_END) + 1)
        self.rows[table] += self._rest.count(b"\n", 0, done)
        if _is_catalog(table):
            self._catalog += self._rest[:done] + (b"\\.\n" if end >= 0 else b"")
        self._rest = self._rest[done if end < 0 else end + len(_END) :]
        if end >= 0:
            self._table = None
        return end >= 0

    def _in_grants(self) -> bool:
        end = self._rest.find(_NEXT_ENTRY)
        if end < 0:
            return False
        self._acl += self._rest[:end] + b"\n"
        self._rest = self._rest[end:]
        self._in_acl = False
        return True

    def _in_sql(self) -> bool:
        header = _HEADER.search(self._rest)
        if header is None:
            self._rest = _unfinished(self._rest)
            return False
        after = self._rest[header.end() :]
        if header["kind"] == b"ACL":
            self._in_acl, self._rest = True, after
            return True
        copy = _COPY.match(after)
        if copy is None and _may_become_copy(after):
            self._rest = self._rest[header.start() :]
            return False
        if copy is None:
            self.uncounted.append(header["name"].decode("utf-8", "replace"))
            self._rest = after
            return True
        self._begin(copy, header["schema"].decode("utf-8", "replace"))
        self._rest = b"\n" + after[copy.end() :]
        return True

    def _begin(self, copy: re.Match[bytes], schema: str) -> None:
        """Begin a block; a partition loaded through its root adds to the root's rows."""
        self._table = relation(copy["table"].decode("utf-8", "replace"), schema)
        self.rows[self._table] = self.rows.get(self._table, 0) - 1  # for the newline put before it
        if _is_catalog(self._table):
            self._catalog += copy[0].rstrip(b"\n")


def _is_catalog(table: Relation) -> bool:
    return table[0] in CATALOG_SCHEMAS and table[1] in CATALOG_TABLES


def _unfinished(text: bytes) -> bytes:
    """Return the end of SQL that may be the beginning of a comment over an entry."""
    start = text.rfind(b"\n-- ")
    if start < 0 or len(text) - start > _STATEMENT_MOST:
        start = len(text) - len(b"\n-- ") + 1
    return text[max(0, start) :]


def _may_become_copy(text: bytes) -> bool:
    begun = text.startswith((b"COPY ", b"--")) or b"COPY ".startswith(text[:5])
    return begun and len(text) < _STATEMENT_MOST
