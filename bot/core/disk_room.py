"""Whether the old and the restored database fit side by side: the old one survives a restore."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.core.dump import DumpReader
from bot.core.models import BackupFile, Check, DatabaseFacts, Verdict
from bot.core.ports import Cluster
from bot.core.wording import size

GROWTH = 12
"""How many times larger than its compressed dump a database may be: pg_dump's gzip made 65 MB of
a 747 MB database with its indexes. Data that is compressed already grows less, so it only warns."""

DEFAULT_TABLESPACE = "pg_default"

_NAME = "room on disk"
_REMEDY = "free it, such as by dropping databases that earlier restores have kept"
_UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_AMOUNT = re.compile(r"^(\d+)(B|kB|MB|GB|TB)$")


@dataclass(frozen=True, slots=True)
class Room:
    """What a restore needs, and what is free, in bytes.

    Args:
        least: that the restored database surely needs: as much as the live one, or as the dump.
        most: that it may need.
        wal: for write-ahead log.
        free: now, by file system, of those that hold the database's tablespaces.
        wal_free: now, where pg_wal is.
        home: the file system of the database's own tablespace.
        wal_home: that of pg_wal.
    """

    least: int
    most: int
    wal: int
    free: Mapping[str, int]
    wal_free: int
    home: str
    wal_home: str

    @property
    def all_free(self) -> int:
        """What is free for the database, less WAL where that shares its file system."""
        shared = self.wal if self.wal_home in self.free else 0
        return max(0, sum(self.free.values()) - shared)

    @property
    def missing(self) -> int:
        """How many bytes the database is short of, 0 where there may be room."""
        return max(0, self.least - self.all_free)

    @property
    def wal_missing(self) -> int:
        """How many bytes WAL is short of."""
        return max(0, self.wal - self.wal_free)

    @property
    def crowded(self) -> bool:
        """Whether it fits only with what other tablespaces take."""
        shared = self.wal if self.wal_home == self.home else 0
        return self.least + shared > self.free.get(self.home, 0)


def read_room(
    cluster: Cluster,
    reader: DumpReader,
    live: DatabaseFacts | None,
    file: BackupFile,
    *,
    dropped: bool = False,
) -> Room:
    """Measure the room for one more database, and for its WAL.

    pg_wal and tablespaces are often links to other file systems, which `df` follows.

    Args:
        cluster: the server.
        reader: looks at file systems in the container.
        live: the database that is replaced.
        file: the dump.
        dropped: whether the live database is gone before the other one is restored.

    Raises:
        Refused: the free space cannot be read.
    """
    data = cluster.setting("data_directory") or "/"
    places = dict(_tablespaces(cluster, live, data))
    wal_at, *others = reader.file_systems(f"{data}/pg_wal", *places.values())
    by_space = dict(zip(places, others, strict=True))
    home = by_space[live.tablespace if live else DEFAULT_TABLESPACE]
    least = max(live.size if live else 0, file.size)
    free = {at.mounted: at.free for at in others}
    if live is not None and dropped:
        free[home.mounted] += live.size
    return Room(
        least,
        max(least, file.size * GROWTH),
        _bytes(cluster.setting("max_wal_size")),
        free,
        wal_at.free,
        home.mounted,
        wal_at.mounted,
    )


def _tablespaces(
    cluster: Cluster, live: DatabaseFacts | None, data: str
) -> Iterator[tuple[str, str]]:
    """Yield name and place of every tablespace that holds something of the database."""
    if live is None or live.tablespace == DEFAULT_TABLESPACE:
        yield DEFAULT_TABLESPACE, f"{data}/base"
    if live is not None:
        yield from ((t.name, t.path) for t in cluster.tablespaces(live.name))


def check_room(room: Room) -> Check:
    """Return the check, with the missing bytes where it fails."""
    free = f"{size(sum(room.free.values()))} free"
    if room.wal_home not in room.free:
        free += f", for WAL {size(room.wal_free)}"
    if room.missing:
        need = f"at least {size(room.least)} for the restored database, {size(room.wal)} for WAL"
        evidence = f"{room.missing} bytes missing: {need}, {free}"
        return Check(_NAME, Verdict.FAILED, evidence, _REMEDY)
    if room.wal_missing:
        evidence = f"{room.wal_missing} bytes missing in pg_wal: {size(room.wal)} for WAL, {free}"
        return Check(_NAME, Verdict.FAILED, evidence, "free it, or lower max_wal_size")
    if room.crowded:
        evidence = f"it fits only if its other tablespaces take their share again, {free}"
        return Check(_NAME, Verdict.WARNING, evidence, _REMEDY)
    if room.most > room.all_free:
        may = f"the restored database may take {size(room.most)}, {free}"
        return Check(_NAME, Verdict.WARNING, may, _REMEDY)
    return Check(_NAME, Verdict.OK, f"{size(room.least)} or more needed, {free}")


def _bytes(setting: str | None) -> int:
    """Return a size as PostgreSQL shows settings, ``1GB``; its default where it is unreadable."""
    match = _AMOUNT.match(setting or "1GB")
    return int(match[1]) * _UNITS[match[2]] if match else _UNITS["GB"]
