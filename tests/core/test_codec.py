"""What is written into the log as JSON is read back as the same value."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core import events as ev
from bot.core.codec import from_json, to_json
from bot.core.models import Strategy
from tests.core.run_samples import a_notice, a_plan, planned

EVENTS = sorted(
    (kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)),
    key=lambda kind: kind.__name__,
)
FEW = 2  # items of a collection: a plan is deep enough as it is
ATOMS: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(timedelta(-999), timedelta(999)),
    object: st.none() | st.booleans() | st.integers() | st.text(max_size=8),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Every value of a type, by its hints."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in ATOMS:
        return ATOMS[kind]
    if origin in {Union, types.UnionType}:
        return st.one_of(*(st.none() if arg is type(None) else values_of(arg) for arg in args))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(values_of(args[0]), values_of(args[1]), max_size=FEW)
    if origin is frozenset:
        return st.frozensets(values_of(args[0]), max_size=FEW)
    if origin is tuple:
        return st.lists(values_of(args[0]), max_size=FEW).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert isinstance(kind, type)
    assert is_dataclass(kind), kind
    hints = get_type_hints(kind)
    return st.builds(kind, **{f.name: values_of(hints[f.name]) for f in fields(kind)})


def there_and_back(value: Any) -> Any:
    return from_json(type(value), json.loads(json.dumps(to_json(value))))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_every_event_survives_the_log(kind: type[ev.Event], data: st.DataObject) -> None:
    event = data.draw(values_of(kind))
    assert there_and_back(event) == event


def test_no_kind_of_event_was_forgotten() -> None:
    assert {ev.Event, ev.RunRequested, ev.RunFinished, ev.GateOpened} <= set(EVENTS)


def test_a_plan_read_back_has_the_digest_that_was_approved() -> None:
    event = planned()
    assert there_and_back(event).plan.digest() == event.digest


def test_a_database_that_does_not_exist_yet_stays_none() -> None:
    assert there_and_back(a_plan(live=None)).live is None


def test_a_notice_keeps_its_times_and_who_may_vote() -> None:
    notice = a_notice()
    back = there_and_back(notice)
    assert (back.rules.timeout, back.expires_at) == (notice.rules.timeout, notice.expires_at)
    assert back.eligible == notice.eligible


@dataclass(frozen=True)
class Newer:
    """What a later version might have written."""

    name: str
    added: int = 3


@dataclass(frozen=True)
class Older:
    """The same as an earlier version knows it."""

    name: str


def test_a_field_that_came_later_takes_its_default() -> None:
    assert from_json(Newer, to_json(Older("a"))) == Newer("a", 3)


def test_a_field_that_went_is_left_out() -> None:
    assert from_json(Older, to_json(Newer("a", 4))) == Older("a")


def test_a_missing_field_without_a_default_is_an_error() -> None:
    with pytest.raises(TypeError, match="name"):
        from_json(Newer, {"added": 1})


def test_a_word_no_enumeration_knows_is_an_error() -> None:
    plan = a_plan()
    target = replace(plan.target, strategy=Strategy.IN_PLACE)
    with pytest.raises(ValueError, match="teleport"):
        from_json(type(target), to_json(target) | {"strategy": "teleport"})  # type: ignore[operator]


@given(st.frozensets(st.text(max_size=8)))
def test_sets_are_written_in_one_order(names: frozenset[str]) -> None:
    assert to_json(names) == sorted(names)
