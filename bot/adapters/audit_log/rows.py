"""Entries as rows, and every text of a draft cleaned on its way in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.audit import Draft, Entry, Phase, canonical
from bot.core.redaction import REDACTED, UNMISTAKABLE

Clean = Callable[[str], str]
"""Removes secrets and what is unsafe from a text."""

_FIELDS = tuple(field.name for field in fields(Draft))


def cleaned(draft: Draft, clean: Clean) -> Draft:
    """Return the draft with each of its texts cleaned and its detail as plain JSON values.

    Raises:
        TypeError: the detail holds what JSON cannot.
    """
    texts: dict[str, Any] = {
        name: clean(value)
        for name in _FIELDS
        if name != "phase" and isinstance(value := getattr(draft, name), str)
    }
    return replace(draft, **texts, detail=_plain(draft.detail, clean))


def _plain(value: object, clean: Clean) -> Any:
    match value:
        case str():
            return _word(value, clean)
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)  # JSON has no NaN
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {_word(str(key), clean): _plain(each, clean) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each, clean) for each in value]
        case set() | frozenset():
            return sorted((_plain(each, clean) for each in value), key=canonical)
        case _:
            raise TypeError(f"the audit log cannot hold a {type(value).__name__}: {value!r}")


def _word(text: str, clean: Clean) -> str:
    """Clean a text; one word that is nothing but a short secret stays.

    It is a name that somebody has chosen for a password too, such as a role's. A run is taken up
    again by what the log has of it: a name that is missing there would be taken for another.
    """
    cleaned = clean(text)
    return text if cleaned == REDACTED and len(text) < UNMISTAKABLE else cleaned


def as_row(entry: Entry) -> dict[str, Any]:
    """Return the columns of an entry."""
    values = {name: getattr(entry.draft, name) for name in _FIELDS}
    return values | {
        "id": entry.id,
        "at": entry.at.isoformat(timespec="microseconds"),  # one width, so that text order is time
        "detail": canonical(entry.draft.detail),
        "phase": str(entry.draft.phase),
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def from_row(row: Mapping[str, Any]) -> Entry:
    """Return the entry of a row.

    Raises:
        ValueError: a column holds what `as_row` never writes.
    """
    detail = json.loads(row["detail"])
    at = datetime.fromisoformat(row["at"])
    if not isinstance(detail, dict) or canonical(detail) != row["detail"]:
        raise ValueError("its detail is not as it was written")
    if at.utcoffset() != timedelta(0) or at.isoformat(timespec="microseconds") != row["at"]:
        raise ValueError("its time is not as it was written")
    values = {name: row[name] for name in _FIELDS} | {"detail": detail}
    draft = Draft(**values | {"phase": Phase(row["phase"])})
    return Entry(int(row["id"]), at.astimezone(UTC), draft, row["prev_hash"], row["hash"])
