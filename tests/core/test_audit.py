"""The chain's hash covers every field, and one value has one text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.audit import GENESIS, Draft, Phase, Verification, canonical, entry_hash

AT = datetime(2026, 1, 31, 8, tzinfo=UTC)
DRAFT = Draft("vote", Phase.NOTE, detail={"a": 1})
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def digest(draft: Draft = DRAFT, number: int = 1, at: datetime = AT, prev: str = GENESIS) -> str:
    return entry_hash(number, at, draft, prev)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "votes"},
        {"phase": Phase.OUTCOME},
        {"status": "ok"},
        {"run_id": "r1"},
        {"actor_id": "U1"},
        {"actor_name": "Kim"},
        {"channel": "C1"},
        {"target": "shop"},
        {"backup": "a.dump"},
        {"digest": "ab"},
        {"duration_ms": 0},
        {"arguments": "latest"},
        {"detail": {"a": 2}},
        {"output_tail": "x"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_of_an_entry_is_in_its_hash(change: dict[str, Any]) -> None:
    assert digest(replace(DRAFT, **change)) != digest()


def test_number_time_and_the_entry_before_are_in_the_hash() -> None:
    others = {digest(number=2), digest(at=AT + timedelta(microseconds=1)), digest(prev="1" * 64)}
    assert len(others | {digest()}) == 4


def test_text_cannot_move_from_one_field_into_the_next() -> None:
    one = replace(DRAFT, target="ab", backup="c")
    other = replace(DRAFT, target="a", backup="bc")
    assert digest(one) != digest(other)


@given(JSON)
def test_the_canonical_text_is_json_of_the_same_value(value: object) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=4))
def test_the_order_of_keys_makes_no_difference(value: dict[str, int]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(turned) == canonical(value)


def test_letters_are_kept_as_they_are() -> None:
    assert canonical({"b": "김", "a": [1, None]}) == '{"a":[1,null],"b":"김"}'


def test_a_log_is_intact_where_there_is_no_problem() -> None:
    assert Verification(3, "ab").intact
    assert not Verification(3, "ab", None, "The triggers were removed.").intact
