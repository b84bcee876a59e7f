"""How far a restore is, by the weight of the entries that ``pg_restore --verbose`` has named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.core.phases import Phase
from bot.core.toc import TocEntry

_WORKING = re.compile(
    r'^pg_restore: (?:processing data for (?P<data>table|large object) "?(?P<table>[^"]+)"?'
    r'|creating (?P<kind>[A-Z][A-Z ]+) "(?P<name>[^"]+)"'
    r"|executing (?P<other>[A-Z][A-Z ]+) (?P<what>.+))$"
)
# The prefix may be torn off: each process writes its line in several pieces.
_ITEM = re.compile(r"\b(?P<word>launching|finished) item (?P<number>\d+) (?P<what>.+)$")


@dataclass
class RestoreProgress:
    """Turns pg_restore's lines into a share of the whole, over all calls of one restore.

    An entry is counted when it is finished, in a serial call when the next one begins, so that the
    share never runs ahead of the work; it never falls, whatever the lines say.

    Args:
        entries: all that will be restored.
    """

    entries: Iterable[TocEntry]
    _total: int = field(init=False)
    _before: int = field(default=0, init=False)
    _phase: _Counted = field(init=False)

    def __post_init__(self) -> None:
        entries = tuple(self.entries)
        self._total = sum(e.weight for e in entries)
        self._phase = _Serial(entries)

    def enter(self, phase: Phase) -> None:
        """Begin with a call of pg_restore."""
        self._phase = _Parallel(phase.entries) if phase.jobs > 1 else _Serial(phase.entries)

    def leave(self, phase: Phase) -> None:
        """Count all of a call that has ended, also what none of its lines has told."""
        self._before += sum(e.weight for e in phase.entries)
        self._phase = _Serial(())

    def take(self, line: str) -> tuple[float, str] | None:
        """Return the share done (0 to 1) and what is being worked on, None for other lines."""
        note = self._phase.take(line)
        if note is None:
            return None
        done = self._before + self._phase.done
        return min(1.0, done / self._total) if self._total else 1.0, note


class _Serial:
    """Counts by kind: a serial call names no numbers."""

    def __init__(self, entries: Iterable[TocEntry]) -> None:
        self.done = 0
        self._current = 0
        self._weights: dict[str, list[int]] = {}
        for entry in entries:
            self._weights.setdefault(entry.kind, []).append(entry.weight)

    def take(self, line: str) -> str | None:
        match = _WORKING.match(line)
        if match is None:
            return None
        kind = "TABLE DATA" if match["data"] else (match["kind"] or match["other"])
        waiting = self._weights.get(kind, [])
        self.done += self._current
        self._current = waiting.pop() if waiting else 0
        return f"{kind.lower()} {match['table'] or match['name'] or match['what']}"


class _Parallel:
    """Counts by number, each once."""

    def __init__(self, entries: Iterable[TocEntry]) -> None:
        self.done = 0
        self._entries = {e.number: e for e in entries}

    def take(self, line: str) -> str | None:
        match = _ITEM.search(line)
        if match is None:
            return None
        number = int(match["number"])
        entry = self._entries.get(number)
        if match["word"] == "finished" and entry is not None:
            self.done += self._entries.pop(number).weight
        return _described(entry) if entry is not None else None


def _described(entry: TocEntry) -> str:
    return f"{entry.kind.lower()} {entry.schema}.{entry.name}".replace(" .", " ")


_Counted = _Serial | _Parallel
