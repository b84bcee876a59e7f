"""Times as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import Refused
from bot.core.when import format_duration, format_utc, parse_since

NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(hours=24)),
        (" 7 D ", NOW - timedelta(days=7)),
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:30", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        ("2026-01-31 08:30:00Z", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        ("2026-01-31T08:30+09:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_amounts_and_dates_are_understood_in_utc(text: str, moment: datetime) -> None:
    found = parse_since(text, NOW)
    assert found == moment
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "24", "h", "-3h", "2026-13-01", "999999w", "0001-01-01T00:00+09:00"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refused, match="24h or 7d") as caught:
        parse_since(text, NOW)
    assert caught.value.code == "wrong_since"


def test_a_time_to_come_is_refused() -> None:
    with pytest.raises(Refused, match="2026-02-04 00:00:00 UTC is still to come"):
        parse_since("2026-02-04", NOW)


@given(st.text(max_size=30))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    moment = NOW
    with suppress(Refused):
        moment = parse_since(text, NOW)
    assert moment <= NOW


def test_a_moment_is_shown_in_utc_whatever_its_zone() -> None:
    seoul = datetime(2026, 2, 3, 21, 0, tzinfo=timezone(timedelta(hours=9)))
    assert format_utc(seoul) == "2026-02-03 12:00:00 UTC"


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1400, "1.4 s"),
        (59_960, "1 m 00 s"),
        (725_000, "12 m 05 s"),
        (11_220_000, "3 h 07 m"),
    ],
)
def test_a_duration_is_shown_in_the_unit_that_suits_it(milliseconds: int, shown: str) -> None:
    assert format_duration(milliseconds) == shown
