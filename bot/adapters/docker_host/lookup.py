"""Which container a reference means, among those the engine lists. No I/O."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.errors import ContainerNotFound
from bot.core.models import ContainerRef

_SERVICE = "com.docker.compose.service"
_PROJECT = "com.docker.compose.project"
_ONE_OFF = "com.docker.compose.oneoff"  # set by `docker compose run`


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the engine's list."""

    id: str
    name: str
    service: str
    project: str

    @property
    def in_compose(self) -> str:
        """``project/service``."""
        return f"{self.project}/{self.service}"


def listed(row: Mapping[str, Any]) -> Listed:
    """Read a row of ``GET /containers/json``."""
    labels = row.get("Labels") or {}
    service = "" if labels.get(_ONE_OFF) == "True" else labels.get(_SERVICE, "")
    # A legacy link adds names of the form /other/alias: its own one has a single slash.
    names = [name[1:] for name in row.get("Names") or [] if name.count("/") == 1]
    return Listed(row["Id"], names[0] if names else "", service, labels.get(_PROJECT, ""))


def one(rows: Sequence[Listed], ref: ContainerRef) -> Listed:
    """Return the row that ``ref`` means.

    Raises:
        ContainerNotFound: none does, or several do; the sentence says what was looked for.
    """
    found = [row for row in rows if _means(ref, row)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(row.name for row in found))
        raise ContainerNotFound(f"{_words(ref)} is not one container but {len(found)}: {names}")
    raise ContainerNotFound(f"there is no container {_words(ref)}{_near(rows, ref)}")


def by_id(rows: Sequence[Listed], container_id: str) -> Listed:
    """Return the row of a container found before.

    Raises:
        ContainerNotFound: it is gone; its name may be another container's by now.
    """
    for row in rows:
        if row.id == container_id:
            return row
    raise ContainerNotFound(
        f"the container {container_id[:12]} is gone: it was removed, or made anew under its name"
    )


def _means(ref: ContainerRef, row: Listed) -> bool:
    # Compared here: the engine's own name filter is a regular expression found anywhere in it.
    if ref.name:
        return row.name == ref.name
    return bool(ref.service) and row.service == ref.service and ref.project in {"", row.project}


def _words(ref: ContainerRef) -> str:
    if ref.name:
        return f"named {ref.name!r}"
    project = f" in project {ref.project!r}" if ref.project else ""
    return f"of Compose service {ref.service!r}{project}"


def _near(rows: Sequence[Listed], ref: ContainerRef) -> str:
    if ref.name:
        known = {row.name for row in rows}
    elif ref.project:
        known = {row.in_compose for row in rows if row.service}
    else:
        known = {row.service for row in rows if row.service}
    near = difflib.get_close_matches(str(ref), sorted(known), n=3)
    return f"; near names: {', '.join(near)}" if near else ""
