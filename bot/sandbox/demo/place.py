"""The demo's directory: short to name, and gone when the demo ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX, LOCK = "tsbot-", "demo.lock"

_PARENTS = (Path("/tmp"), Path("/var/tmp"))
"""Not below TMPDIR: sockets lie in it, and their paths end at 103 bytes."""


class NoPlace(Exception):
    """There is no directory that the demo could live in."""


@contextmanager
def home() -> Iterator[Path]:
    """Make a directory, and remove it with all that is in it.

    Raises:
        NoPlace: nothing can be written there, or no program run from there.
    """
    parent = next((each for each in _PARENTS if _is_usable(each)), None)
    if parent is None:
        names = " nor ".join(map(str, _PARENTS))
        raise NoPlace(f"neither {names} can be written to and have programs run from it")
    _clear_up(parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as made:
        path = Path(made)
        path.chmod(0o755)  # PostgreSQL's user passes through it
        with _locked(path):
            yield path


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Show others that somebody lives there; whoever is killed shows it no longer."""
    unlocked = directory / "lock.new"
    with unlocked.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        unlocked.rename(directory / LOCK)
        yield


def _clear_up(parent: Path) -> None:
    """Remove what demos of this user have left that were killed."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError), lock.open() as file:
            if os.fstat(file.fileno()).st_uid == os.geteuid() and _is_free(file):
                shutil.rmtree(lock.parent)


def _is_free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_usable(directory: Path) -> bool:
    if not os.access(directory, os.W_OK | os.X_OK):
        return False
    no_programs: int = getattr(os, "ST_NOEXEC", 0)  # macOS does not tell
    return not os.statvfs(directory).f_flag & no_programs
