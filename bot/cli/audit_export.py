"""Entries for a spreadsheet or another program."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any, TextIO

from bot.core.audit import Draft, Entry, canonical
from bot.core.redaction import for_csv

COLUMNS = ("id", "at", *(field.name for field in fields(Draft)), "prev_hash", "hash")
"""The columns of an export, in their order."""


def as_csv(entries: Iterable[Entry], out: TextIO) -> None:
    """Write a header and a row an entry; no cell is taken for a formula, whoever wrote it."""
    writer = csv.writer(_Encodable(out))
    writer.writerow(COLUMNS)
    for entry in entries:
        values = _values(entry) | {"detail": canonical(entry.draft.detail)}
        writer.writerow(for_csv("" if values[c] is None else str(values[c])) for c in COLUMNS)


def as_jsonl(entries: Iterable[Entry], out: TextIO) -> None:
    """Write a JSON object a line, ASCII only; the chain can be recomputed from it."""
    for entry in entries:
        out.write(json.dumps(_values(entry)) + "\n")


FORMATS: dict[str, Callable[[Iterable[Entry], TextIO], None]] = {"csv": as_csv, "jsonl": as_jsonl}
"""The formats by their names."""


def _values(entry: Entry) -> dict[str, Any]:
    values = {"id": entry.id, "at": entry.at.isoformat(), **asdict(entry.draft)}
    return values | {"prev_hash": entry.prev_hash, "hash": entry.hash}


class _Encodable:
    """Writes what the stream's encoding lacks as backslash escapes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._encoding = out.encoding or "utf-8"

    def write(self, text: str) -> int:
        return self._out.write(
            text.encode(self._encoding, "backslashreplace").decode(self._encoding)
        )
