"""A dump's entries cut into calls of pg_restore, so that restoring in parallel is right.

One parallel call loads TimescaleDB's catalog while the tables it speaks of are being loaded, and
loses policies and watermarks. So tables and views come first, then the catalog alone, and only then
everything else at once: data, and each index as soon as its table is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.dump_scan import CATALOG_SCHEMAS
from bot.core.toc import TocEntry

_DATA = frozenset({"TABLE DATA", "SEQUENCE SET", "BLOBS", "BLOB METADATA", "STATISTICS DATA"})
"""Kinds of pg_dump's data section, which follows the pre-data section without a break.

Source: pg_dump's sortDumpableObjectsByTypeName() and its section boundaries.
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """One call of pg_restore.

    Args:
        title: for people.
        entries: what it restores, in the dump's order.
        jobs: how many at a time.
    """

    title: str
    entries: tuple[TocEntry, ...]
    jobs: int = 1


def cut(entries: Iterable[TocEntry], jobs: int) -> tuple[Phase, ...]:
    """Cut entries into phases; each entry is in exactly one, and none is empty.

    The cut goes by position, not by kind: an access list or a comment has no section of its own
    and belongs where the entry before it is.

    Args:
        entries: in the dump's order.
        jobs: how many at a time; with one there is one phase, in the dump's own order.
    """
    everything = tuple(entries)
    if jobs < 2:
        return (Phase("everything", everything),) if everything else ()
    first = next((n for n, e in enumerate(everything) if e.kind in _DATA), len(everything))
    rest = everything[first:]
    phases = (
        Phase("tables and views", everything[:first]),
        Phase("TimescaleDB's catalog", tuple(e for e in rest if _is_catalog(e))),
        Phase("data and indexes", tuple(e for e in rest if not _is_catalog(e)), jobs),
    )
    return tuple(phase for phase in phases if phase.entries)


def _is_catalog(entry: TocEntry) -> bool:
    return entry.kind in _DATA and entry.schema in CATALOG_SCHEMAS
