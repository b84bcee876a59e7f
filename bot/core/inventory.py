"""What a database holds, counted by name, so that two of them can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.core.grants import Grants

_PARENTS_OF_COMPRESSED = "_timescaledb_internal._compressed_hypertable_"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Names of what is there, each as ``schema.name``; nothing that an extension owns.

    Args:
        tables: ordinary and partitioned tables, chunks included.
        indexes: all indexes on them.
        constraints: as ``schema.table name``, a domain's as ``schema.domain name``.
        hypertables: without materialization hypertables.
        chunks: every chunk, materialization hypertables' included.
        continuous_aggregates: user views.
        policies: job id to procedure and hypertable, user jobs only (ids from 1000).
        owners: relation or, by its name alone, schema to owner.
        grants: of every relation and schema that has any, an extension's and the system's included.
        extensions: with their versions.
    """

    tables: frozenset[str] = frozenset()
    indexes: frozenset[str] = frozenset()
    constraints: frozenset[str] = frozenset()
    hypertables: frozenset[str] = frozenset()
    chunks: frozenset[str] = frozenset()
    continuous_aggregates: frozenset[str] = frozenset()
    policies: Mapping[int, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    grants: Grants = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return how many of each kind there are.

        The empty tables under which TimescaleDB kept compressed chunks are left out, and so are
        their indexes: its update to 2.29 drops them.
        """
        return {
            kind: sum(not name.startswith(_PARENTS_OF_COMPRESSED) for name in names)
            for kind, names in self._named()
        }

    def missing_from(self, other: Inventory) -> Iterator[str]:
        """Yield one sentence for each kind of which ``other`` lacks something we have."""
        theirs = dict(other._named())
        for kind, names in self._named():
            lost = sorted(names - theirs[kind])
            if lost:
                shown = ", ".join(lost[:5]) + (" …" if len(lost) > 5 else "")
                yield f"{len(lost)} {kind} missing: {shown}"

    def _named(self) -> Iterator[tuple[str, frozenset[str]]]:
        yield "tables", self.tables
        yield "indexes", self.indexes
        yield "hypertables", self.hypertables
        yield "chunks", self.chunks
        yield "continuous aggregates", self.continuous_aggregates
        yield "policies", frozenset(f"{n} {what}" for n, what in self.policies.items())
