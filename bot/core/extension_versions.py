"""Versions of extensions after a restore: TimescaleDB is brought to the image's, others are not.

TimescaleDB is created at the dump's version, since its catalog is in the dump and fits no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

TIMESCALEDB = "timescaledb"


class Versions(Protocol):
    """What a server's image ships."""

    def default_versions(self) -> Mapping[str, str]:
        """Return the version of each extension that this image creates unless told otherwise."""
        ...

    def can_update(self, name: str, version: str, to: str) -> bool:
        """Whether the image ships scripts that bring an extension from one version to another."""
        ...


def version_after(image: Versions, dumped: str) -> str:
    """Return the version TimescaleDB is updated to after a restore, empty for none.

    Args:
        image: what could be installed.
        dumped: the dump's version, empty where it holds no TimescaleDB.
    """
    default = image.default_versions().get(TIMESCALEDB, "")
    if not dumped or default in {"", dumped}:
        return ""
    return default if image.can_update(TIMESCALEDB, dumped, default) else ""


def kept_behind(image: Versions, installed: Mapping[str, str]) -> tuple[str, ...]:
    """Return one sentence for each other extension that is not at the image's version."""
    defaults = image.default_versions()
    return tuple(
        f"{name} stays at {version}; the image's own is {defaults[name]}"
        for name, version in sorted(installed.items())
        if name != TIMESCALEDB and defaults.get(name, version) != version
    )
