"""Which heads are handed out, and how a witness's lines are written and read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.audit import Draft, Entry, Head, Phase
from bot.core.errors import Refused
from bot.core.heads import ends_a_stretch, head_of, line_of, posted, read_lines
from tests.core.run_samples import START

HASH = "ab" * 32
SECONDS = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))
RUNS = st.text("0123456789abcdef", min_size=8, max_size=8)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


def entry(action: str, phase: Phase, status: str) -> Entry:
    return Entry(17, START, Draft(action, phase, status, run_id="44d494fb"), "00" * 32, HASH)


def test_a_line_says_when_which_run_which_entry_and_its_hash() -> None:
    head = head_of(entry("run", Phase.OUTCOME, "succeeded"))
    assert line_of(head) == f"2026-03-01T08:30:00Z 44d494fb 17 {HASH}"


@given(st.builds(Head, SECONDS, st.just("") | RUNS, st.integers(1, 10**17), HASHES))
def test_every_line_reads_back_as_the_head_it_was(head: Head) -> None:
    assert list(read_lines(["", line_of(head), "  "])) == [head]


def test_times_of_other_zones_are_written_in_utc() -> None:
    seoul = datetime.fromisoformat("2026-03-01T17:30:00+09:00")
    assert seoul.utcoffset() == timedelta(hours=9)
    assert line_of(Head(seoul, "", 1, HASH)).startswith("2026-03-01T08:30:00Z - 1 ")


@pytest.mark.parametrize(
    "line",
    ["rubbish", f"2026-03-01T08:30:00Z r 0 {HASH}", f"never r 1 {HASH}", "2026-03-01 r 1 abc"],
)
def test_a_line_that_is_none_of_ours_is_named_by_its_number(line: str) -> None:
    good = line_of(Head(START, "r", 1, HASH))
    with pytest.raises(Refused, match="Line 2 of the witness"):
        list(read_lines([good, line]))


@given(st.text())
def test_no_text_breaks_the_reading_of_a_witness(text: str) -> None:
    try:
        heads = list(read_lines(text.splitlines()))
    except Refused:
        return
    assert heads == []


@pytest.mark.parametrize(
    ("action", "phase", "status", "is_handed_out"),
    [
        ("gate", Phase.OUTCOME, "approved", True),
        ("run", Phase.OUTCOME, "failed", True),
        ("gate", Phase.OUTCOME, "expired", False),
        ("gate", Phase.INTENT, "", False),
        ("run", Phase.NOTE, "", False),
        ("pg_restore", Phase.OUTCOME, "ok", False),
    ],
)
def test_heads_are_handed_out_after_an_approval_and_at_the_end(
    action: str, phase: Phase, status: str, is_handed_out: bool
) -> None:
    assert ends_a_stretch(entry(action, phase, status)) is is_handed_out


def test_what_people_are_shown_is_the_entrys_own_number_and_hash() -> None:
    shown = posted(entry("gate", Phase.OUTCOME, "approved"))
    assert (shown.entry, shown.hash, shown.status) == (17, HASH, "approved")
