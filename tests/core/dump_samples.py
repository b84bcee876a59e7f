"""Pieces of a dump as pg_restore prints them, for tests of those who read it."""

from __future__ import annotations

ESCAPED = (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"))


def quoted(name: str) -> str:
    """Return a name in double quotes."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def block(values: list[str]) -> str:
    """Return a row as COPY's text format has it."""
    cells = []
    for value in values:
        for plain, escape in ESCAPED:
            value = value.replace(plain, escape)
        cells.append(value)
    return "\t".join(cells)


def data(table: str, rows: list[str], columns: str = "a", before: str = "") -> str:
    """Return the entry with a table's rows; newlines in names are blanks in its comment."""
    lines = "".join(f"{row}\n" for row in rows)
    return f"{_comment(table)}{before}COPY {table} ({columns}) FROM stdin;\n{lines}\\.\n\n\n"


def inserts(table: str, rows: list[str]) -> str:
    """Return the entry with a table's rows as INSERT statements."""
    return _comment(table) + "".join(f"INSERT INTO {table} VALUES ({row});\n" for row in rows)


def acl(statements: str) -> str:
    """Return the entry with an object's grants."""
    return f"--\n-- Name: TABLE t; Type: ACL; Schema: public; Owner: app\n--\n\n{statements}\n\n\n"


def dump(*entries: str) -> bytes:
    """Return a whole dump."""
    head = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n"
    return (head + "".join(entries) + "--\n-- PostgreSQL database dump complete\n--\n\n").encode()


def _comment(table: str) -> str:
    name = table.replace("\n", " ").rpartition(".")[2]
    return f"--\n-- Data for Name: {name}; Type: TABLE DATA; Schema: public; Owner: app\n--\n\n"
