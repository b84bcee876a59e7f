"""A parallel restore is cut so that TimescaleDB's catalog is loaded alone, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.phases import cut
from bot.core.toc import TocEntry

PRE = ("SCHEMA", "TABLE", "VIEW", "SEQUENCE", "ACL", "COMMENT", "DEFAULT")
DATA = ("TABLE DATA", "SEQUENCE SET", "BLOBS")
POST = ("INDEX", "CONSTRAINT", "TRIGGER", "MATERIALIZED VIEW DATA", "ACL", "COMMENT")
SCHEMAS = ("public", "_timescaledb_catalog", "_timescaledb_config", "_timescaledb_internal")


def entries(*wanted: tuple[str, str]) -> tuple[TocEntry, ...]:
    return tuple(
        TocEntry(f"{n}; 0 0 {kind} {schema} x o", kind, schema, "x", "o")
        for n, (kind, schema) in enumerate(wanted)
    )


def section(kinds: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(st.sampled_from(kinds), st.sampled_from(SCHEMAS)), max_size=6)


TOCS = st.tuples(section(PRE), section(DATA), section(POST)).map(
    lambda parts: entries(*parts[0], *parts[1], *parts[2])
)

SAMPLE = entries(
    ("ACL", "public"),
    ("TABLE", "public"),
    ("ACL", "public"),
    ("TABLE DATA", "_timescaledb_catalog"),
    ("TABLE DATA", "_timescaledb_internal"),
    ("TABLE DATA", "_timescaledb_config"),
    ("TABLE DATA", "public"),
    ("SEQUENCE SET", "_timescaledb_catalog"),
    ("SEQUENCE SET", "public"),
    ("INDEX", "public"),
    ("COMMENT", "public"),
    ("TRIGGER", "_timescaledb_catalog"),
)


def test_tables_come_first_then_the_catalog_alone_then_all_else_at_once() -> None:
    phases = cut(SAMPLE, 4)
    assert [(p.title, [e.number for e in p.entries], p.jobs) for p in phases] == [
        ("tables and views", [0, 1, 2], 1),
        ("TimescaleDB's catalog", [3, 5, 7], 1),
        ("data and indexes", [4, 6, 8, 9, 10, 11], 4),
    ]


def test_one_job_restores_in_the_dumps_own_order_in_one_go() -> None:
    [phase] = cut(SAMPLE, 1)
    assert (phase.entries, phase.jobs) == (SAMPLE, 1)


def test_a_dump_without_data_has_one_phase_that_is_not_parallel() -> None:
    [phase] = cut(SAMPLE[:3], 4)
    assert (phase.entries, phase.jobs) == (SAMPLE[:3], 1)


@given(TOCS, st.integers(1, 16))
def test_each_entry_is_in_exactly_one_phase_and_no_phase_is_empty(
    toc: tuple[TocEntry, ...], jobs: int
) -> None:
    phases = cut(toc, jobs)
    restored = [e.number for p in phases for e in p.entries]
    assert sorted(restored) == [e.number for e in toc]
    assert all(p.entries for p in phases)


@given(TOCS, st.integers(2, 16))
def test_the_catalogs_data_never_shares_a_parallel_call(
    toc: tuple[TocEntry, ...], jobs: int
) -> None:
    catalog = {"_timescaledb_catalog", "_timescaledb_config"}
    for phase in cut(toc, jobs):
        if phase.jobs > 1:
            assert not any(e.kind in DATA and e.schema in catalog for e in phase.entries)
        assert [e.number for e in phase.entries] == sorted(e.number for e in phase.entries)
