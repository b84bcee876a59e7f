"""A dump streams by: rows are counted, the catalog and the grants kept, wherever it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.dump_scan import DumpScan
from bot.core.manifest import parse_manifest
from bot.core.sql_names import relation
from tests.core.dump_samples import acl, block, data, dump, inserts, quoted

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
ROWS = st.lists(st.lists(st.text(alphabet='a.\\N-\t;\n "', max_size=5), min_size=1), max_size=5)


def scanned(sql: bytes, *cuts: int) -> DumpScan:
    """Feed a dump in pieces that end at these places."""
    scan, begin = DumpScan(), 0
    for end in (*sorted(cuts), len(sql)):
        scan.feed(sql[begin:end])
        begin = end
    scan.end()
    return scan


SAMPLE = dump(
    data("public.t", ["1", "2", "3"]),
    data("_timescaledb_catalog.metadata", ["timescaledb_version\t2.22.1"], "key, value"),
    acl("GRANT SELECT ON TABLE public.t TO app;"),
    data("public.empty", []),
    acl("REVOKE ALL ON TABLE public.t FROM app;\nGRANT INSERT ON TABLE public.t TO app;"),
)


def test_each_row_is_a_line_and_an_empty_table_has_none() -> None:
    scan = scanned(SAMPLE)
    catalog = ("_timescaledb_catalog", "metadata")
    assert scan.rows == {("public", "t"): 3, catalog: 1, ("public", "empty"): 0}


def test_the_catalog_is_kept_and_no_row_of_people() -> None:
    scan = scanned(dump(data("public.t", ["secret"]), SAMPLE.decode()))
    assert parse_manifest(scan.catalog).timescaledb_version == "2.22.1"
    assert "secret" not in repr(scan)


def test_grants_are_kept_in_their_order_up_to_the_end() -> None:
    statements = [line for line in scanned(SAMPLE).acl.split("\n") if line.endswith(";")]
    assert [line.split()[0] for line in statements] == ["GRANT", "REVOKE", "GRANT"]
    (last,) = scanned(acl("GRANT SELECT ON TABLE public.t TO app;").encode()).acl.split("\n")[:1]
    assert last == "GRANT SELECT ON TABLE public.t TO app;"


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=40))
def test_where_the_pieces_are_cut_makes_no_difference(cuts: list[int]) -> None:
    assert scanned(SAMPLE, *cuts) == scanned(SAMPLE)


@given(NAMES, NAMES)
def test_every_name_that_can_be_quoted_is_read_back(schema: str, name: str) -> None:
    both = f"{quoted(schema)}.{quoted(name)}"
    assert relation(both) == (schema, name)
    assert scanned(dump(data(both, ["1"]))).rows == {(schema, name): 1}


@given(ROWS)
def test_whatever_a_row_holds_is_counted_as_one(rows: list[list[str]]) -> None:
    sql = dump(data("public.t", [block(row) for row in rows]), data("public.u", ["1"]))
    assert scanned(sql).rows == {("public", "t"): len(rows), ("public", "u"): 1}


def test_a_value_or_a_function_that_looks_like_a_block_is_none() -> None:
    body = "CREATE FUNCTION f() AS $$\nCOPY public.x (a) FROM stdin;\n1\n\\.\n$$;\n"
    row = block(["COPY public.y (a) FROM stdin;\n\\.\n-- Data for Name: y; Type: TABLE DATA"])
    assert scanned(dump(body, data("public.t", [row, "2"]))).rows == {("public", "t"): 2}


def test_a_table_without_columns_has_lines_all_the_same() -> None:
    sql = data("public.none", ["", ""]).replace(" (a)", " ")
    assert scanned(dump(sql)).rows == {("public", "none"): 2}


def test_partitions_loaded_through_their_root_add_up() -> None:
    through = "-- load via partition root public.root\n\n"
    parts = [data("public.root", rows, before=through) for rows in (["1", "2"], ["3"])]
    assert scanned(dump(*parts)).rows == {("public", "root"): 3}


def test_a_name_without_a_schema_is_in_that_of_the_comment() -> None:
    assert scanned(dump(data("t", ["1"]))).rows == {("public", "t"): 1}


def test_rows_as_inserts_are_not_counted_and_said_so() -> None:
    scan = scanned(dump(inserts("public.t", ["1", "2"]), data("public.u", ["1"])))
    assert (scan.uncounted, scan.rows) == (["t"], {("public", "u"): 1})


def test_much_sql_between_two_blocks_is_passed_over() -> None:
    sql = dump(data("public.t", ["1"]), "SELECT 1;\n" * 60_000, data("public.u", ["1"]))
    step = 32 * 1024
    scan = scanned(sql, *range(step, len(sql), step))
    assert scan.rows == {("public", "t"): 1, ("public", "u"): 1}
