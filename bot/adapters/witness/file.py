"""Heads as lines of a file, such as one on a share that takes appends only."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bot.core.audit import Head
from bot.core.errors import WitnessUnavailable
from bot.core.heads import line_of

_HOW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class FileWitness:
    """Appends a line a head, and never reads or rewrites the file.

    Args:
        path: the file, made with mode 0644 where it is missing; its directory must exist.
    """

    path: Path

    def take(self, head: Head) -> None:
        """Append a head; on the disk when this returns.

        Raises:
            WitnessUnavailable: it could not be appended.
        """
        try:
            # opened each time: a share that was away, or a rotated file, is found again
            file = os.open(self.path, _HOW, 0o644)
            try:
                _append(file, f"{line_of(head)}\n".encode())
            finally:
                os.close(file)
        except OSError as error:
            raise WitnessUnavailable(f"{self.path}: {error.strerror or error}") from error


def _append(file: int, line: bytes) -> None:
    """Write in one call, so that lines of two processes don't mix."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError("is no ordinary file")
    written = os.write(file, line)
    os.fsync(file)
    if written != len(line):
        raise OSError("a line could not be written as a whole")
