"""Whether the old and the restored database fit side by side: the old one survives a restore."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.dump import DumpReader
from bot.core.models import BackupFile, Check, DatabaseFacts, Verdict
from bot.core.ports import Cluster
from bot.core.wording import size

GROWTH = 12
"""How many times larger than its compressed dump a database may be: pg_dump's gzip made 65 MB of
a 747 MB database with its indexes. Data that is compressed already grows less, so it only warns."""

_NAME = "room on disk"
_UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_AMOUNT = re.compile(r"^(\d+)(B|kB|MB|GB|TB)$")


@dataclass(frozen=True, slots=True)
class Room:
    """What a restore needs, and what is free where the databases lie, in bytes.

    Args:
        least: that the restored database surely needs: as much as the live one, or as the dump.
        most: that it may need.
        wal: for write-ahead log.
        free: now.
    """

    least: int
    most: int
    wal: int
    free: int

    @property
    def missing(self) -> int:
        """How many bytes are missing, 0 where there may be room."""
        return max(0, self.least + self.wal - self.free)


def read_room(
    cluster: Cluster, reader: DumpReader, live: DatabaseFacts | None, file: BackupFile
) -> Room:
    """Measure the room for one more database beside the live one, and for its WAL.

    Raises:
        Refused: the free space cannot be read.
    """
    least = max(live.size if live else 0, file.size)
    free = reader.free_bytes(cluster.setting("data_directory") or "/")
    wal = _bytes(cluster.setting("max_wal_size"))
    return Room(least, max(least, file.size * GROWTH), wal, free)


def check_room(room: Room) -> Check:
    """Return the check, with the missing bytes where it fails."""
    remedy = "free it, such as by dropping databases that earlier restores have kept"
    free = f"{size(room.free)} free"
    if room.missing:
        need = f"at least {size(room.least)} for the restored database, {size(room.wal)} for WAL"
        return Check(_NAME, Verdict.FAILED, f"{room.missing} bytes missing: {need}, {free}", remedy)
    if room.most + room.wal > room.free:
        may = f"the restored database may take {size(room.most)}, {free}"
        return Check(_NAME, Verdict.WARNING, may, remedy)
    return Check(_NAME, Verdict.OK, f"{size(room.least)} or more needed, {free}")


def _bytes(setting: str | None) -> int:
    """Return a size as PostgreSQL shows settings, ``1GB``; its default where it is unreadable."""
    match = _AMOUNT.match(setting or "1GB")
    return int(match[1]) * _UNITS[match[2]] if match else _UNITS["GB"]
