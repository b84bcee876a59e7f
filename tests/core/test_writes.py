"""What was written since a moment is the difference of two counts, and says its doubts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.writes import MOST_TABLES, Written, from_note, noted, since

COUNTS = st.dictionaries(
    st.text(min_size=1), st.builds(Written, *[st.integers(0, 10**12)] * 3), max_size=5
)


def test_only_tables_that_were_written_to_are_told_the_most_written_first() -> None:
    before = {"a": Written(10, 0, 0), "b": Written(5, 5, 5), "c": Written(1, 1, 1)}
    now = {
        "a": Written(11, 0, 0),
        "b": Written(5, 5, 5),
        "c": Written(1, 9, 2),
        "d": Written(2, 0, 0),
    }
    found = since(before, now)
    assert found.tables == (
        ("c", Written(0, 8, 1)),
        ("d", Written(2, 0, 0)),
        ("a", Written(1, 0, 0)),
    )
    assert found.total == Written(3, 8, 1)
    assert not found.uncertain


def test_counters_that_went_back_or_are_gone_make_it_uncertain_and_never_negative() -> None:
    reset = since({"a": Written(10, 0, 0)}, {"a": Written(3, 2, 0)})
    assert reset.uncertain
    assert reset.total == Written(0, 2, 0)
    assert since({"a": Written(10, 0, 0)}, {}).uncertain


@given(COUNTS)
def test_counts_come_back_from_the_log_as_they_were_noted(counts: dict[str, Written]) -> None:
    assert from_note(noted(counts)) == counts


def test_too_many_tables_are_not_noted_and_nothing_noted_is_unknown() -> None:
    assert noted({str(n): Written(1, 0, 0) for n in range(MOST_TABLES + 1)}) is None
    assert from_note(None) is None
