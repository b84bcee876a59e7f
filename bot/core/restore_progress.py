"""How far a serial ``pg_restore --verbose`` is, by the weight of the entries it has named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.core.toc import TocEntry

_WORKING = re.compile(
    r'^pg_restore: (?:processing data for (?P<data>table|large object) "?(?P<table>[^"]+)"?'
    r'|creating (?P<kind>[A-Z][A-Z ]+) "(?P<name>[^"]+)"'
    r"|executing (?P<other>[A-Z][A-Z ]+) (?P<what>.+))$"
)


@dataclass
class RestoreProgress:
    """Turns pg_restore's lines into a share of the whole.

    An entry is counted when the next one begins, so the share never runs ahead of the work.
    """

    entries: Iterable[TocEntry]
    _total: int = field(init=False)
    _weights: dict[str, list[int]] = field(init=False)
    _done: int = field(default=0, init=False)
    _current: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._weights = {}
        self._total = 0
        for entry in self.entries:
            self._weights.setdefault(entry.kind, []).append(entry.weight)
            self._total += entry.weight

    def take(self, line: str) -> tuple[float, str] | None:
        """Return the share done (0 to 1) and what is being worked on, None for other lines."""
        match = _WORKING.match(line)
        if match is None:
            return None
        kind = "TABLE DATA" if match["data"] else (match["kind"] or match["other"])
        name = match["table"] or match["name"] or match["what"]
        waiting = self._weights.get(kind, [])
        self._done += self._current
        self._current = waiting.pop() if waiting else 0
        return self._done / self._total if self._total else 1.0, f"{kind.lower()} {name}"
