"""The share done never goes back, never runs ahead, and never exceeds the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.restore_progress import RestoreProgress
from bot.core.toc import TocEntry

KINDS = ("TABLE", "TABLE DATA", "INDEX", "SEQUENCE SET", "CONSTRAINT", "VIEW")


def toc(*kinds: str) -> list[TocEntry]:
    return [TocEntry(f"{n}; 0 0 {kind}", kind, "public", "x", "o") for n, kind in enumerate(kinds)]


def line(kind: str, name: str = "public.x") -> str:
    if kind == "TABLE DATA":
        return f'pg_restore: processing data for table "{name}"'
    if kind == "SEQUENCE SET":
        return f"pg_restore: executing SEQUENCE SET {name}"
    return f'pg_restore: creating {kind} "{name}"'


def test_an_entry_counts_when_the_next_one_begins() -> None:
    progress = RestoreProgress(toc("TABLE", "TABLE DATA", "INDEX"))
    seen = [progress.take(line(kind)) for kind in ("TABLE", "TABLE DATA", "INDEX")]
    assert [step[0] for step in seen if step] == [0.0, 1 / 13, 9 / 13]


def test_it_says_what_is_being_worked_on() -> None:
    progress = RestoreProgress(toc(*KINDS))
    notes = [step[1] for kind in KINDS if (step := progress.take(line(kind, "public.a b")))]
    assert notes == [f"{kind.lower()} public.a b" for kind in KINDS]


def test_lines_that_name_no_entry_change_nothing() -> None:
    progress = RestoreProgress(toc("TABLE"))
    others = (
        "pg_restore: connecting to database for restore",
        "pg_restore: error: could not execute query: ERROR:  x",
        'pg_restore: creating TABLE "unfinished',
        "",
    )
    assert [progress.take(other) for other in others] == [None] * 4


def test_an_empty_list_is_done_at_once() -> None:
    assert RestoreProgress([]).take(line("TABLE")) == (1.0, "table public.x")


def test_entries_that_were_not_expected_do_not_count() -> None:
    progress = RestoreProgress(toc("TABLE"))
    shares = [step[0] for _ in range(5) if (step := progress.take(line("INDEX")))]
    assert shares == [0.0] * 5


@given(st.lists(st.sampled_from(KINDS)), st.lists(st.sampled_from(KINDS)))
def test_the_share_stays_between_0_and_1_and_never_falls(
    expected: list[str], named: list[str]
) -> None:
    progress = RestoreProgress(toc(*expected))
    shares = [step[0] for kind in named if (step := progress.take(line(kind)))]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


@given(st.permutations(KINDS * 3))
def test_a_whole_restore_in_any_order_ends_just_short_of_its_last_entry(order: list[str]) -> None:
    entries = toc(*order)
    progress = RestoreProgress(entries)
    steps = [progress.take(line(kind)) for kind in order]
    total = sum(e.weight for e in entries)
    assert steps[-1] is not None
    assert steps[-1][0] == (total - entries[-1].weight) / total


@given(st.text())
def test_no_line_breaks_the_counting(text: str) -> None:
    step = RestoreProgress(toc("TABLE")).take(text)
    assert step is None or 0 <= step[0] <= 1
