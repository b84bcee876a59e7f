"""Messages from SQL functions to the workers: a file each, in the data directory.

NOTIFY would reach one database only. Each names the virtual transaction of its sender, so that a
scheduler starts only after what the sender has changed can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DIRECTORY = "stand_in_messages"
"""Below the data directory; where it is missing, SQL functions know that no workers run."""


class Verb(StrEnum):
    """What a scheduler is to do."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Args:
        verb: what to do.
        database: the sender's, by oid.
        sender: its virtual transaction, as pg_locks has it.
    """

    verb: Verb
    database: int
    sender: str


class Mailbox:
    """The directory the messages come in.

    Args:
        data: the server's data directory.
    """

    def __init__(self, data: Path) -> None:
        self._directory = data / DIRECTORY

    def open(self) -> None:
        """Make the directory, or empty it: what was sent to earlier workers is void."""
        self._directory.mkdir(exist_ok=True)
        owner = self._directory.parent.stat()
        if self._directory.stat().st_uid != owner.st_uid:
            _give(self._directory, owner.st_uid, owner.st_gid)
        for file in self._directory.iterdir():
            file.unlink()

    def take(self) -> Iterator[Message]:
        """Take the complete messages out, in the order they were sent."""
        with suppress(FileNotFoundError):
            files = sorted(self._directory.iterdir(), key=_sent)
            for file in files:
                text = file.read_text("ascii")
                if not text.endswith("\n"):
                    return  # still being written; later ones have to wait for it
                file.unlink()
                verb, database, sender = text.split()
                yield Message(Verb(verb), int(database), sender)


def _sent(file: Path) -> str:
    """Return the time in a name such as ``4711_20240101120000000000``."""
    return file.name.rpartition("_")[2]


def _give(directory: Path, uid: int, gid: int) -> None:
    os.chown(directory, uid, gid)
