"""Whose dumps may be restored: who can put a file there is superuser once it has been."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bot.core.dump import DumpReader
from bot.core.models import Target

ROOT = "root"
NAMELESS = "UNKNOWN"
"""What `stat` prints for an owner whose number has no name in the container."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or a directory on the way to it, with who may change what is in it."""

    path: str
    mode: int
    owner: str
    directory: bool = True

    @property
    def writable_by_others(self) -> bool:
        """Whether anybody but the owner may write it."""
        return bool(self.mode & 0o022)

    @property
    def sticky(self) -> bool:
        """Whether only a file's owner may rename or remove it, as in /tmp."""
        return bool(self.mode & 0o1000)


def way_to(routes: Iterable[str]) -> tuple[str, ...]:
    """Return the directories through which a directory is reached.

    Whoever may rename one of them, or what is in it, can put another in its place.

    Args:
        routes: the directory as the settings name it, and with its links resolved.
    """
    parents = (parent for route in routes for parent in PurePosixPath(route).parents)
    return tuple(dict.fromkeys(map(str, parents)))


def open_to_others(way: Iterable[Place]) -> Iterator[Place]:
    """Yield the directories in which others could put something in the place of the next one."""
    return (place for place in way if place.writable_by_others and not place.sticky)


def needs_early_gate(places: Iterable[Place], target: Target, server_user: str) -> str:
    """Say why approvers have to be asked before the dump is touched, empty where they need not.

    Args:
        places: the dump, and the directories on the way to it.
        target: whose ``trusted_backups`` names owners; none means root and the server's user.
        server_user: who owns the data directory, and so is superuser already.
    """
    trusted = frozenset(target.trusted_backups or (ROOT, server_user)) - {NAMELESS}
    for place in places:
        if place.owner not in trusted:
            return f"{place.path} belongs to {place.owner}, whose backups are not trusted"
    return ""


def places_of(reader: DumpReader, directory: str, file: str = "") -> tuple[Place, ...]:
    """Look at a dump's directory and the way to it; the dump itself, if named, comes first.

    Raises:
        Refused: one of them cannot be looked at.
    """
    way = (directory, *way_to(reader.routes(directory)))
    return tuple(
        Place(path, found.mode, found.owner, directory=path != file)
        for path, found in reader.resolved(*([file] if file else []), *way)
    )
