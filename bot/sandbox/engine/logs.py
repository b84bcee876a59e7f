"""The last output of a container, line by line, as `docker logs` shows it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

KEPT_BYTES = 2**20
LINE_BYTES = 16 * 2**10
"""Longer lines are cut, as Docker's json-file driver does."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """What one output wrote, up to the end of a line.

    Args:
        number: counts from 1 since the container was made.
        stream: 1 or 2.
        at: nanoseconds since 1970.
    """

    number: int
    stream: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are wanted.

    Args:
        streams: of which outputs.
        tail: at most so many of the last ones, before the outputs are told apart; None for all.
        since: nanoseconds since 1970.
        until: the same; None for no end.
    """

    streams: frozenset[int]
    tail: int | None = None
    since: int = 0
    until: int | None = None

    def wants(self, line: LogLine) -> bool:
        """Tell whether a line is of an output and a time that are wanted."""
        in_time = self.since <= line.at and (self.until is None or line.at <= self.until)
        return in_time and line.stream in self.streams


class Log:
    """A ring buffer of lines that readers can follow."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._count = 0
        self._rest: dict[int, bytes] = {}
        self._is_open = False

    def open(self) -> None:
        """Begin a run: readers wait for more."""
        with self._changed:
            self._is_open = True

    def write(self, stream: int, data: bytes) -> None:
        """Add what an output wrote."""
        with self._changed:
            *lines, rest = (self._rest.pop(stream, b"") + data).split(b"\n")
            for line in lines:
                self._add(stream, line + b"\n")
            while len(rest) > LINE_BYTES:
                self._add(stream, rest[:LINE_BYTES])
                rest = rest[LINE_BYTES:]
            if rest:
                self._rest[stream] = rest
            self._changed.notify_all()

    def close(self) -> None:
        """End a run: last lines without an end are added, and readers go."""
        with self._changed:
            for stream, rest in self._rest.items():
                self._add(stream, rest)
            self._rest.clear()
            self._is_open = False
            self._changed.notify_all()

    def read(self, query: LogQuery, *, follow: bool = False) -> Iterator[LogLine]:
        """Yield the lines kept; with *follow* also those to come, until the run ends."""
        with self._changed:
            lines = list(self._lines)
            if query.tail is not None:
                lines = lines[-query.tail :] if query.tail else []
            last = self._count
        yield from filter(query.wants, lines)
        while follow:
            with self._changed:
                self._changed.wait_for(partial(self._has_news, last))
                lines = [line for line in self._lines if line.number > last]
                follow, last = self._is_open, self._count
            yield from filter(query.wants, lines)

    def _has_news(self, last: int) -> bool:
        return self._count > last or not self._is_open

    def _add(self, stream: int, data: bytes) -> None:
        self._count += 1
        self._lines.append(LogLine(self._count, stream, time.time_ns(), data))
        self._size += len(data)
        while self._size > KEPT_BYTES:
            self._size -= len(self._lines.popleft().data)
