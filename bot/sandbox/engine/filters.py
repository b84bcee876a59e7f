"""Which containers `GET /containers/json` lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

from bot.sandbox.engine.container import Container
from bot.sandbox.engine.faults import EngineFault, bad_request, left_out

Filters = Mapping[str, list[str]]
Test = Callable[[Container, str], bool]

_STATUSES = {"created", "running", "paused", "restarting", "removing", "exited", "dead"}
_LEFT_OUT = {"ancestor", "before", "exited", "expose", "health", "network", "publish"}
_LEFT_OUT |= {"since", "volume"}


def parse(text: str) -> Filters:
    """Read the query's ``filters``: ``{"name": ["db"]}``, or ``{"name": {"db": true}}``.

    Raises:
        EngineFault: it is neither, or there is no such filter.
    """
    if not text:
        return {}
    try:
        given = json.loads(text)
        filters = {key: _values(values) for key, values in given.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise EngineFault(HTTPStatus.INTERNAL_SERVER_ERROR, f"invalid filters: {text}") from error
    for key in filters:
        if key in _LEFT_OUT:
            raise left_out(f"filter {key!r}")
        if key not in _TESTS:
            raise bad_request(f"Invalid filter '{key}'")
    for status in filters.get("status", []):
        if status not in _STATUSES:
            raise bad_request(f"Invalid filter 'status={status}'")
    return filters


def passes(container: Container, filters: Filters, *, everything: bool) -> bool:
    """Tell whether a container is listed; only running ones are, unless *everything* is asked for
    or a status is."""
    shown = everything or "status" in filters or container.state.running
    return shown and all(_passes(container, key, values) for key, values in filters.items())


def _passes(container: Container, key: str, values: list[str]) -> bool:
    found = [_TESTS[key](container, value) for value in values]
    return all(found) if key == "label" else any(found) or not found


def _values(values: object) -> list[str]:
    if isinstance(values, dict):
        return [str(value) for value, wanted in values.items() if wanted]
    if isinstance(values, list):
        return [str(value) for value in values]
    raise TypeError(values)


def _has_name(container: Container, pattern: str) -> bool:
    """Look for the pattern anywhere in the name, as Docker does, with and without its slash."""
    try:
        return any(re.search(pattern, name) for name in (container.name, f"/{container.name}"))
    except re.error as error:
        raise bad_request(f"invalid pattern: {pattern}") from error


def _has_label(container: Container, value: str) -> bool:
    key, is_pair, wanted = value.partition("=")
    labels = container.spec.labels
    return key in labels and (not is_pair or labels[key] == wanted)


_TESTS: Mapping[str, Test] = {
    "id": lambda container, value: container.id.startswith(value),
    "name": _has_name,
    "label": _has_label,
    "status": lambda container, value: container.state.status == value,
}
