"""Tables for a terminal, whatever it can show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

from bot.core.redaction import safe_line


def width(text: str) -> int:
    """Return how many columns a text takes: two for wide East Asian characters, none for marks."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return one line a row, columns two spaces apart; the last column is not padded.

    Each cell is made a safe line.
    """
    safe = [[safe_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*safe, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in safe]


def _padded(cell: str, wanted: int) -> str:
    return cell + " " * (wanted - width(cell))


def put(out: TextIO, line: str) -> None:
    """Write a line; what the stream's encoding lacks is written as a backslash escape."""
    encoding = out.encoding or "utf-8"
    out.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
