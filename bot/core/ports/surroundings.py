"""The port to what else a server is busy with; every method only reads."""

from __future__ import annotations

from typing import Protocol

from bot.core.surroundings import (
    Archiving,
    Client,
    Door,
    PreparedTransaction,
    ReplicationSlot,
    Standby,
    Subscription,
    Tablespace,
)


class Surroundings(Protocol):
    """Neighbours of a database on its server."""

    def clients(self) -> tuple[Client, ...]:
        """Return the clients' sessions in all databases, ours left out."""
        ...

    def doors(self) -> tuple[Door, ...]:
        """Return every database with who may enter it."""
        ...

    def prepared_transactions(self, database: str) -> tuple[PreparedTransaction, ...]:
        """Return the database's prepared transactions, oldest first."""
        ...

    def replication_slots(self) -> tuple[ReplicationSlot, ...]:
        """Return all slots that outlive their session."""
        ...

    def subscriptions(self, database: str) -> tuple[Subscription, ...]:
        """Return the database's subscriptions."""
        ...

    def publications(self, database: str) -> frozenset[str]:
        """Return the names of the database's publications."""
        ...

    def standbys(self) -> tuple[Standby, ...]:
        """Return who is sent the whole write-ahead log now."""
        ...

    def archiving(self) -> Archiving:
        """Return how archiving goes."""
        ...

    def tablespaces(self, database: str) -> tuple[Tablespace, ...]:
        """Return the tablespaces that hold something of the database, pg_default left out."""
        ...

    def libraries(self) -> frozenset[str]:
        """Return the names of the files among which PostgreSQL looks for extensions' libraries."""
        ...
