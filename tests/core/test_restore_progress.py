"""The share done never goes back, never runs ahead, and never exceeds the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.phases import Phase, cut
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


# As a parallel pg_restore printed them; the last two were written by two processes at once.
PARALLEL = """\
pg_restore: entering main parallel loop
pg_restore: skipping item 0 SCHEMA x
pg_restore: launching item 1 TABLE DATA x
pg_restore: launching item 2 INDEX x
pg_restore: processing data for table "public.x"
pg_restore: finished item 1 TABLE DATA x
pg_restore: creating INDEX "public.x"
pg_restore:pg_restore:  finished item 2 INDEX x
 finished item 3 CONSTRAINT x x
""".splitlines()


def parallel(*kinds: str) -> Phase:
    return Phase("data", tuple(toc(*kinds)), jobs=2)


def test_in_parallel_an_entry_counts_once_it_is_finished() -> None:
    phase = parallel("SCHEMA", "TABLE DATA", "INDEX", "CONSTRAINT")
    progress = RestoreProgress(phase.entries)
    progress.enter(phase)
    seen = [step for text in PARALLEL if (step := progress.take(text))]
    assert seen == [
        (0.0, "table data public.x"),
        (0.0, "index public.x"),
        (8 / 17, "table data public.x"),
        (12 / 17, "index public.x"),
        (16 / 17, "constraint public.x"),
    ]


def test_an_entry_that_is_finished_twice_or_unknown_counts_once_or_never() -> None:
    phase = parallel("TABLE DATA", "INDEX")
    progress = RestoreProgress(phase.entries)
    progress.enter(phase)
    lines = [f"pg_restore: finished item {n} X x" for n in (0, 0, 99)]
    assert [progress.take(text) for text in lines] == [(8 / 12, "table data public.x"), None, None]


def test_a_phase_that_has_ended_counts_in_full_whatever_it_told() -> None:
    entries = toc("TABLE", "TABLE DATA", "INDEX")
    [first, second] = cut(entries, 2)
    progress = RestoreProgress(entries)
    progress.enter(first)
    progress.leave(first)
    progress.enter(second)
    assert progress.take("pg_restore: launching item 1 TABLE DATA x") == (
        1 / 13,
        "table data public.x",
    )


NAMED = st.lists(
    st.one_of(
        st.sampled_from(KINDS).map(line),
        st.builds(
            "pg_restore: {} item {} X x".format,
            st.sampled_from(["launching", "finished"]),
            st.integers(0, 12),
        ),
    )
)


@given(st.integers(1, 3), st.lists(NAMED, min_size=3, max_size=3))
def test_over_all_phases_the_share_only_rises_up_to_the_whole(
    jobs: int, lines: list[list[str]]
) -> None:
    entries = toc(*KINDS, "TABLE DATA", "INDEX", "INDEX")
    progress = RestoreProgress(entries)
    shares = []
    for phase, named in zip(cut(entries, jobs), lines, strict=False):
        progress.enter(phase)
        shares += [step[0] for text in named if (step := progress.take(text))]
        progress.leave(phase)
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
