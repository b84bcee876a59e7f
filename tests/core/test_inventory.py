"""Two databases are compared by the names of what they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.inventory import Inventory

FULL = Inventory(
    tables=frozenset({"public.metrics", "public.devices"}),
    indexes=frozenset({"public.metrics_time_idx"}),
    hypertables=frozenset({"public.metrics"}),
    chunks=frozenset(f"_timescaledb_internal._hyper_1_{n}_chunk" for n in range(1, 9)),
    continuous_aggregates=frozenset({"public.metrics_1m"}),
    policies={1000: "policy_retention on public.metrics"},
)


def test_a_database_lacks_nothing_of_itself() -> None:
    assert list(FULL.missing_from(FULL)) == []


def test_more_than_before_is_nothing_missing() -> None:
    assert list(Inventory().missing_from(FULL)) == []


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ({"tables": frozenset({"public.metrics"})}, "1 tables missing: public.devices"),
        ({"indexes": frozenset()}, "1 indexes missing: public.metrics_time_idx"),
        ({"hypertables": frozenset()}, "1 hypertables missing: public.metrics"),
        (
            {"continuous_aggregates": frozenset()},
            "1 continuous aggregates missing: public.metrics_1m",
        ),
        ({"policies": {}}, "1 policies missing: 1000 policy_retention on public.metrics"),
    ],
)
def test_each_kind_that_is_missing_is_named(lacking: dict[str, object], sentence: str) -> None:
    assert list(FULL.missing_from(replace(FULL, **lacking))) == [sentence]  # type: ignore[arg-type]


def test_a_policy_that_does_something_else_now_is_missing() -> None:
    other = replace(FULL, policies={1000: "policy_compression on public.metrics"})
    assert list(FULL.missing_from(other)) == [
        "1 policies missing: 1000 policy_retention on public.metrics"
    ]


def test_many_missing_names_are_counted_and_the_first_five_shown() -> None:
    (sentence,) = FULL.missing_from(replace(FULL, chunks=frozenset()))
    assert sentence.startswith("8 chunks missing: _timescaledb_internal._hyper_1_1_chunk, ")
    assert sentence.endswith("_hyper_1_5_chunk …")


def test_every_kind_is_counted() -> None:
    assert FULL.counts() == {
        "tables": 2,
        "indexes": 1,
        "hypertables": 1,
        "chunks": 8,
        "continuous aggregates": 1,
        "policies": 1,
    }


def test_what_an_update_of_timescaledb_does_away_with_is_not_counted() -> None:
    parents = {f"_timescaledb_internal._compressed_hypertable_{n}" for n in (2, 3)}
    more = replace(FULL, tables=FULL.tables | parents, indexes=FULL.indexes | {min(parents) + "_i"})
    assert more.counts() == FULL.counts()
