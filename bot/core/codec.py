"""Frozen dataclasses to JSON and back, by their type hints, for the audit log's details."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: object) -> object:
    """Return what json.dumps can write; times become ISO 8601, durations seconds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((to_json(v) for v in value), key=str)
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    return value


def from_json(kind: type[T], value: object) -> T:
    """Build a ``kind`` from what `to_json` made of one; unknown keys are left out.

    Raises:
        TypeError: a field without a default is missing.
        ValueError: a value does not fit.
    """
    return cast(T, _build(kind, value))


def _build(kind: Any, value: Any) -> object:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _optional(get_args(kind), value)
    if origin is not None:
        return _collection(origin, get_args(kind), value)
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is timedelta:
        return timedelta(seconds=value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _optional(choices: tuple[Any, ...], value: Any) -> object:
    if value is None:
        return None
    kinds = [c for c in choices if c is not type(None)]
    return _build(next((k for k in kinds if _fits(k, value)), kinds[0]), value)


def _fits(kind: Any, value: Any) -> bool:
    """Whether a value has all that one of several dataclasses cannot do without."""
    if not is_dataclass(kind) or not isinstance(value, Mapping):
        return False
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    return needed <= value.keys()


def _collection(origin: Any, args: tuple[Any, ...], value: Any) -> object:
    if issubclass(origin, Mapping):
        key, item = args
        return {key(k): _build(item, v) for k, v in value.items()}
    items = [_build(args[0], v) for v in value]
    return frozenset(items) if origin is frozenset else tuple(items)


def _dataclass(kind: Any, value: Any) -> object:
    hints = get_type_hints(kind)
    given = {f.name: _build(hints[f.name], value[f.name]) for f in fields(kind) if f.name in value}
    return kind(**given)
