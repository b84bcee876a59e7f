"""A table of contents is read whole, whatever names stand in it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.toc import TocEntry, list_file, parse_toc

HEADER = """\
;
; Archive created at 2026-02-28 02:20:07 UTC
;     dbname: tsdb
;     TOC Entries: 14
;     Compression: gzip
;     Dump Version: 1.16-0
;     Format: CUSTOM
;     Integer: 4 bytes
;     Offset: 8 bytes
;     Dumped from database version: 17.4 (Debian 17.4-1.pgdg120+2)
;     Dumped by pg_dump version: 17.4 (Debian 17.4-1.pgdg120+2)
;
;
; Selected TOC Entries:
;
"""
ENTRIES = """\
3; 3079 16385 EXTENSION - timescaledb\x20
4012; 0 0 COMMENT - EXTENSION timescaledb\x20
4013; 0 0 ACL - SCHEMA public pg_database_owner
7; 2615 2200 SCHEMA - app app_owner
231; 1259 17001 TABLE public metrics app_owner
232; 1259 17002 TABLE app daily report of sales app_owner
4014; 0 0 COMMENT public COLUMN metrics."time" app_owner
4015; 0 0 ACL public TABLE metrics app_owner
233; 1259 17010 SEQUENCE OWNED BY public metrics_id_seq app_owner
4001; 0 17001 TABLE DATA public metrics app_owner
4020; 0 0 SEQUENCE SET public metrics_id_seq app_owner
3840; 2606 17020 CONSTRAINT public metrics metrics_pkey app_owner
3841; 2606 17021 FK CONSTRAINT public metrics metrics_device_fkey app_owner
3842; 1259 17022 INDEX public metrics_time_idx app_owner
4002; 0 17030 MATERIALIZED VIEW DATA app totals reporting
"""
TOC = parse_toc(HEADER + ENTRIES)


def entry(line: str) -> TocEntry:
    (only,) = parse_toc(HEADER + line + "\n").entries
    return only


def test_the_header_says_where_when_and_how_the_dump_was_made() -> None:
    assert (TOC.database, TOC.postgres_version, TOC.format) == ("tsdb", "17.4", "CUSTOM")
    assert TOC.taken_at == datetime(2026, 2, 28, 2, 20, 7, tzinfo=UTC)


def test_every_entry_is_read_in_its_order() -> None:
    assert [e.line for e in TOC.entries] == ENTRIES.splitlines()


@pytest.mark.parametrize(
    ("line", "kind", "schema", "name", "owner"),
    [
        ("3; 3079 16385 EXTENSION - timescaledb ", "EXTENSION", "", "timescaledb", ""),
        ("9; 1259 1 TABLE app daily report app", "TABLE", "app", "daily report", "app"),
        ("9; 0 1 TABLE DATA public metrics app", "TABLE DATA", "public", "metrics", "app"),
        ("9; 1259 1 MATERIALIZED VIEW app t rep", "MATERIALIZED VIEW", "app", "t", "rep"),
        ("9; 0 1 MATERIALIZED VIEW DATA app t rep", "MATERIALIZED VIEW DATA", "app", "t", "rep"),
        ("9; 2606 1 FK CONSTRAINT public m fk app", "FK CONSTRAINT", "public", "m fk", "app"),
        ("9; 2606 1 CHECK CONSTRAINT public m c app", "CHECK CONSTRAINT", "public", "m c", "app"),
        ("9; 0 0 ACL - SCHEMA public postgres", "ACL", "", "SCHEMA public", "postgres"),
        ("9; 0 0 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES app", "DEFAULT ACL", "public",
         "DEFAULT PRIVILEGES FOR TABLES", "app"),
        ("9; 0 0 COMMENT public TABLE metrics app", "COMMENT", "public", "TABLE metrics", "app"),
        ("9; 1255 1 FUNCTION public f(integer, text) app", "FUNCTION", "public",
         "f(integer, text)", "app"),
        ("9; 0 0 SEQUENCE SET public 지표_seq 앱", "SEQUENCE SET", "public", "지표_seq", "앱"),
    ],
)  # fmt: skip
def test_kind_schema_name_and_owner_are_told_apart(
    line: str, kind: str, schema: str, name: str, owner: str
) -> None:
    found = entry(line)
    assert (found.kind, found.schema, found.name, found.owner) == (kind, schema, name, owner)


def test_names_of_a_kind_do_not_include_those_of_a_longer_kind() -> None:
    assert TOC.names("TABLE") == {"public.metrics", "app.daily report of sales"}
    assert TOC.names("INDEX") == {"public.metrics_time_idx"}


def test_extensions_are_named_and_their_comments_belong_to_them() -> None:
    assert TOC.extensions() == ("timescaledb",)
    assert [e.kind for e in TOC.entries if e.extension == "timescaledb"] == ["EXTENSION", "COMMENT"]


def test_every_owner_is_named_once_and_nobody_owns_an_extension() -> None:
    assert TOC.owners() == {"app_owner", "reporting", "pg_database_owner"}


def test_a_list_file_holds_the_wanted_lines_as_they_were() -> None:
    selected = list_file(e for e in TOC.entries if e.kind == "INDEX")
    assert selected == "3842; 1259 17022 INDEX public metrics_time_idx app_owner\n"


def test_an_entry_knows_the_number_by_which_a_parallel_restore_names_it() -> None:
    assert [e.number for e in TOC.entries if e.kind == "INDEX"] == [3842]


def test_data_weighs_more_than_an_index_and_an_index_more_than_the_rest() -> None:
    weights = {e.kind: e.weight for e in TOC.entries}
    assert weights["TABLE DATA"] > weights["INDEX"] > weights["TABLE"] > 0


@pytest.mark.parametrize(
    "header",
    [
        "; Archive created at 2026-02-28 02:20:07 KST\n",
        "; Archive created at tomorrow\n",
        ";     dbname: tsdb\n",
        "",
    ],
)
def test_a_time_that_is_missing_or_not_in_utc_is_unknown(header: str) -> None:
    toc = parse_toc(header + ENTRIES)
    assert toc.taken_at is None
    assert len(toc.entries) == len(ENTRIES.splitlines())


def test_an_odd_header_leaves_its_fields_empty() -> None:
    toc = parse_toc("; no colon here\n;;; : \n;dbname:tsdb\n" + ENTRIES)
    assert (toc.database, toc.postgres_version, toc.format) == ("", "", "")


def test_header_fields_after_the_first_entry_are_not_believed() -> None:
    assert parse_toc(HEADER + ENTRIES + ";     dbname: other\n").database == "tsdb"


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0c", "\x1c"])
def test_a_separator_in_a_name_cannot_smuggle_in_an_entry(separator: str) -> None:
    line = f"9; 1259 1 TABLE public x{separator}8; 0 0 EXTENSION - smuggled app"
    assert entry(line).line == line


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert all(e.line in text for e in parse_toc(text).entries)


@given(st.from_regex(r"[0-9]+; [0-9]+ [0-9]+ [^\n]+", fullmatch=True))
def test_whatever_looks_like_an_entry_keeps_its_line(line: str) -> None:
    assert [e.line for e in parse_toc(line).entries] == [line]
