"""What the demo prints: lines, folded where a terminal is too narrow for them."""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import dataclass
from typing import TextIO

_NARROWEST = 60
"""Columns below which folding makes lines no easier to read."""

_TEXT_AT = re.compile(r"\d\d:\d\d:\d\d .{9}|  [a-z]{4,9} +|[A-Z][a-z ]{4,8} {3,}| *(?=\S)")
"""What stands before a line's text: time and step, a label, or spaces."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the story is told.

    Args:
        out: where to; lines are folded where it is a terminal.
    """

    out: TextIO

    def say(self, line: str) -> None:
        """Print a line at once."""
        lines = [line]
        if self.out.isatty():
            lines = folded(line, os.get_terminal_size(self.out.fileno()).columns)
        self.out.write("".join(f"{each}\n" for each in lines))
        self.out.flush()


def folded(line: str, columns: int) -> list[str]:
    """Break a line that is too wide at its spaces; what follows stands below its text."""
    if len(line) <= columns or columns < _NARROWEST:
        return [line]
    found = _TEXT_AT.match(line)
    indent = found.end() if found else 0
    return textwrap.wrap(
        line,
        columns,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
