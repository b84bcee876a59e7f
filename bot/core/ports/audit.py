"""The ports to the audit database: the append-only log and the mutable tables beside it.

Every method raises AuditUnavailable where the database cannot be written or read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.core.audit import Claim, Deadline, Draft, Entry, Head, Query, Verification


class AuditLog(Protocol):
    """The append-only, hash-chained log."""

    def append(self, draft: Draft) -> Entry:
        """Commit one entry, durable when this returns."""
        ...

    def entries(self, query: Query) -> tuple[Entry, ...]:
        """Return the entries that match, oldest first."""
        ...

    def verify(self, head: str = "", witnessed: Sequence[Head] = ()) -> Verification:
        """Recompute the chain.

        Args:
            head: a hash posted elsewhere that must be in the chain, so that a cut tail shows.
            witnessed: heads kept elsewhere; each must be its entry's hash.
        """
        ...


class Witness(Protocol):
    """Keeps heads of the log where the log's owner cannot reach them."""

    def note(self, head: Head) -> None:
        """Take a head, to be kept when there is time. Never blocks and never raises."""
        ...


class Claims(Protocol):
    """One piece of work a target."""

    def take(self, claim: Claim) -> None:
        """Claim a target for a run of this process; again for the same run keeps the first claim.

        Raises:
            Refused: another run holds it; the sentence says which and since when. Or another
                process works on this run.
        """
        ...

    def alive(self, run_id: str) -> bool:
        """Whether a process works on a run: claims outlive theirs, this ends with it."""
        ...

    def release(self, target: str, run_id: str) -> None:
        """Give the claim back; no effect where another run holds it."""
        ...

    def held(self) -> tuple[Claim, ...]:
        """Return all claims."""
        ...


class Deliveries(Protocol):
    """What Slack has delivered, so that a second delivery does nothing."""

    def first(self, delivery: str) -> bool:
        """Remember an event or trigger id and return whether it is new; an empty id always is."""
        ...


class Deadlines(Protocol):
    """Times to come back to, surviving a restart."""

    def put(self, deadline: Deadline) -> None:
        """Remember a deadline; the same key replaces an earlier one."""
        ...

    def remove(self, key: str) -> None:
        """Forget a deadline; no effect where it is unknown."""
        ...

    def pending(self) -> tuple[Deadline, ...]:
        """Return all deadlines, the earliest first."""
        ...
