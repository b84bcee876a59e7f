"""What `tsbot check` printed and returned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checked:
    """One run of it."""

    exit_code: int
    output: str

    @property
    def lines(self) -> list[str]:
        """All lines, section titles and the sum included."""
        return self.output.splitlines()

    def line(self, name: str) -> str:
        """The one line of a check, without its indentation."""
        [found] = [line for line in self.lines if line[8:].startswith(f"{name}  ")]
        return found.strip()

    def sign(self, name: str) -> str:
        """`ok`, `!!`, `NO` or `??`."""
        return self.line(name)[1:3]
