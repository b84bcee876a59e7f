from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.core.wording import (
    bar,
    counted,
    duration,
    ended,
    grouped,
    moment,
    of_kind,
    rough,
    share,
    shortened,
    size,
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0.0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (3599.9, "1 h 00 min"),
        (360_000, "4 d 4 h"),
    ],
)
def test_a_duration_reads_in_the_units_people_think_in(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(2, "less than 5 s"), (38, "about 40 s"), (70, "about 1 min"), (7200, "about 2 h 00 min")],
)
def test_an_estimate_is_no_finer_than_it_deserves(seconds: float, written: str) -> None:
    assert rough(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB")],
)
def test_a_size_is_in_binary_units(count: int, written: str) -> None:
    assert size(count) == written


def test_a_size_beyond_the_largest_unit_stays_in_it() -> None:
    assert size(5000 * 1024**4) == "5000.0 TiB"


def test_a_moment_is_written_in_utc_whatever_its_zone() -> None:
    seoul = timezone(timedelta(hours=9))
    assert moment(datetime(2026, 3, 1, 8, 30, tzinfo=seoul)) == "2026-02-28 23:30 UTC"
    assert moment(datetime(2026, 3, 1, 8, 30, tzinfo=UTC)) == "2026-03-01 08:30 UTC"


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert bar(0.0, 4) == "░░░░"
    assert bar(0.5, 4) == "██░░"
    assert bar(0.999, 4) == "███░"
    assert bar(1.0, 4) == "████"


def test_a_share_outside_its_range_is_taken_as_the_nearest_in_it() -> None:
    assert (bar(7.0, 4), bar(-1.0, 4)) == ("████", "░░░░")
    assert (share(7.0), share(-1.0), share(0.999)) == ("100 %", "0 %", "99 %")


def test_one_thing_is_counted_without_an_s() -> None:
    assert (counted(1, "approval"), counted(0, "approval")) == ("1 approval", "0 approvals")
    said = (counted(1, "entry", "entries"), counted(2, "entry", "entries"))
    assert said == ("1 entry", "2 entries")


def test_a_cut_text_says_so_and_keeps_the_length() -> None:
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("it failed", "it failed."), ("it failed.", "it failed."), ("Is it there?", "Is it there?")],
)
def test_a_sentence_has_one_stop_at_its_end(text: str, shown: str) -> None:
    assert ended(text) == shown


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (3456000, "3 456 000")])
def test_large_numbers_are_written_in_groups_of_three(number: int, text: str) -> None:
    assert grouped(number) == text


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [(1, "hypertables", "1 hypertable"), (1, "indexes", "1 index"), (2, "policies", "2 policies")],
)
def test_one_of_a_kind_is_not_called_many(number: int, kind: str, told: str) -> None:
    assert of_kind(number, kind) == told
