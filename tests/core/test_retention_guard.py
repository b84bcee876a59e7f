"""Which retention policies would drop what a restore has just brought back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.retention_guard import Row, Tables, expiring, threats

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ZONED = "timestamp with time zone"


def micros(at: datetime) -> str:
    return str((at - EPOCH) // timedelta(microseconds=1))


def catalog(
    config: dict[str, object],
    ages: range,
    *,
    column: str = ZONED,
    scheduled: str = "t",
    dropped: str = "f",
) -> Tables:
    """One hypertable with a policy and a chunk of one day for each age, in days since its end."""
    chunks: list[Row] = []
    slices: list[Row] = []
    constraints: list[Row] = []
    for age in ages:
        number, end = str(age), NOW - age * DAY
        made = f"{end:%Y-%m-%d %H:%M:%S.%f}+00"
        row = {"id": number, "hypertable_id": "1", "dropped": dropped, "creation_time": made}
        chunks.append(row)
        span = {"range_start": micros(end - DAY), "range_end": micros(end)}
        slices.append({"id": number, "dimension_id": "7", **span})
        constraints.append({"chunk_id": number, "dimension_slice_id": number})
    job: Row = {
        "id": "1004",
        "proc_name": "policy_retention",
        "scheduled": scheduled,
        "hypertable_id": "1",
        "config": json.dumps(config),
    }
    dimension: Row = {"id": "7", "hypertable_id": "1", "column_type": column, "num_slices": None}
    space: Row = {"id": "8", "hypertable_id": "1", "column_type": "integer", "num_slices": "4"}
    return {
        "bgw_job": [job, {**job, "id": "1005", "proc_name": "policy_compression"}],
        "chunk": chunks,
        "chunk_constraint": constraints,
        "dimension": [dimension, space],
        "dimension_slice": slices,
    }


def told(tables: Tables) -> tuple[str, ...]:
    return threats(expiring(tables, {"1": "public.readings"}), NOW)


def test_a_policy_that_would_drop_chunks_is_named_with_their_ages_and_number() -> None:
    assert told(catalog({"drop_after": "30 days"}, range(12, 400))) == (
        "job 1004 on public.readings drops data older than 30 days; the dump's newest chunk is "
        "12 days old, its oldest 400 days: 370 of 388 chunks would go",
    )


@pytest.mark.parametrize("after", ["400 days", "1 year 2 mons", "14 mons", "10000:00:00"])
def test_a_policy_that_would_drop_nothing_is_not_named(after: str) -> None:
    assert told(catalog({"drop_after": after}, range(12, 400))) == ()


@pytest.mark.parametrize(
    ("after", "gone"),
    [
        ("1 mon", 2),  # 28 February is the day one month before 31 March
        ("1 mon -1 days", 3),
        ("30 days", 3),
        ("30 days 00:00:01", 2),
        ("1 mon 00:00:01", 1),
        ("4 weeks 2 days", 3),
    ],
)
def test_ages_are_counted_as_postgresql_counts_them(after: str, gone: int) -> None:
    [sentence] = told(catalog({"drop_after": after}, range(20, 33)))
    assert f": {gone} of 13 chunks would go" in sentence


@pytest.mark.parametrize("after", ["P30D", "@ 30 days", "a while", ""])
def test_an_age_that_cannot_be_read_is_in_doubt(after: str) -> None:
    [sentence] = told(catalog({"drop_after": after}, range(3)))
    assert "does not tell how many of its 3 chunks would go" in sentence


def test_a_hypertable_whose_time_is_a_number_is_in_doubt() -> None:
    [sentence] = told(catalog({"drop_after": 500}, range(3), column="bigint"))
    assert "older than 500; the dump does not tell" in sentence


def test_a_chunk_without_a_range_is_in_doubt() -> None:
    tables = catalog({"drop_after": "30 days"}, range(3))
    assert "does not tell" in told({**tables, "chunk_constraint": []})[0]


def test_a_time_without_zone_is_dropped_by_the_clock_of_the_policys_session() -> None:
    tables = catalog({"drop_after": "31 days"}, range(30, 31), column="timestamp without time zone")
    assert told(tables) == ()
    tables = catalog({"drop_after": "30 days 10:00:00"}, range(30, 31), column="date")
    assert "1 of 1 chunk would go" in told(tables)[0]


def test_a_policy_may_go_by_when_chunks_were_made() -> None:
    [sentence] = told(catalog({"drop_created_before": "2 mons"}, range(50, 65)))
    assert ": 6 of 15 chunks would go" in sentence


@pytest.mark.parametrize("state", [{"scheduled": "f"}, {"dropped": "t"}], ids=str)
def test_a_paused_policy_and_one_without_chunks_drop_nothing(state: dict[str, str]) -> None:
    assert told(catalog({"drop_after": "1 day"}, range(9), **state)) == ()


def test_the_first_slice_there_can_be_has_no_date_and_is_in_doubt() -> None:
    tables = catalog({"drop_after": "1 day"}, range(1))
    [first] = tables["dimension_slice"]
    endless = {**first, "range_start": str(-(2**63))}
    assert "does not tell" in told({**tables, "dimension_slice": [endless]})[0]


def test_from_2_28_on_a_slice_names_its_chunk_itself() -> None:
    old = catalog({"drop_after": "30 days"}, range(12, 400))
    slices: list[Row] = [{**row, "chunk_id": row["id"]} for row in old["dimension_slice"]]
    new: Tables = {**old, "dimension_slice": slices, "chunk_constraint": []}
    assert told(new) == told(old) != ()
