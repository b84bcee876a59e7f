"""What was written to a database since a moment, by PostgreSQL's own counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_TABLES = 500
"""Tables whose counters are kept in the log; a database with more is not counted."""


@dataclass(frozen=True, slots=True)
class Written:
    """Rows written to a table since its counters began, rolled back ones among them."""

    inserted: int
    updated: int
    deleted: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.inserted + self.updated + self.deleted

    def less(self, earlier: Written) -> Written:
        """Return what came after an earlier count."""
        return Written(
            self.inserted - earlier.inserted,
            self.updated - earlier.updated,
            self.deleted - earlier.deleted,
        )

    def plus(self, other: Written) -> Written:
        """Return both together."""
        return Written(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
        )


NOTHING = Written(0, 0, 0)


@dataclass(frozen=True, slots=True)
class WrittenSince:
    """What was written between two counts.

    Args:
        tables: those written to, the most written first.
        uncertain: whether counters went back: they were reset, as by a crash of PostgreSQL, or
            chunks were dropped, which took theirs along.
    """

    tables: tuple[tuple[str, Written], ...]
    uncertain: bool = False

    @property
    def total(self) -> Written:
        """Over all tables."""
        total = NOTHING
        for _, written in self.tables:
            total = total.plus(written)
        return total


def since(earlier: Mapping[str, Written], now: Mapping[str, Written]) -> WrittenSince:
    """Return what was written between two counts; a table that is new begins at nothing."""
    changes = {table: count.less(earlier.get(table, NOTHING)) for table, count in now.items()}
    back = any(min(c.inserted, c.updated, c.deleted) < 0 for c in changes.values())
    gone = any(table not in now for table in earlier)
    written = {
        table: Written(max(0, c.inserted), max(0, c.updated), max(0, c.deleted))
        for table, c in changes.items()
    }
    most = sorted(written.items(), key=lambda item: (-item[1].total, item[0]))
    return WrittenSince(tuple(item for item in most if item[1].total), uncertain=back or gone)


def noted(counts: Mapping[str, Written]) -> dict[str, list[int]] | None:
    """Return counts as the log keeps them, None where there are too many."""
    if len(counts) > MOST_TABLES:
        return None
    return {table: [c.inserted, c.updated, c.deleted] for table, c in counts.items()}


def from_note(note: object) -> dict[str, Written] | None:
    """Read what `noted` made, None where nothing was noted."""
    if not isinstance(note, Mapping):
        return None
    return {str(table): Written(*map(int, counts)) for table, counts in note.items()}
