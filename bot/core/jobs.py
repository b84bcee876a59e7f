"""TimescaleDB's jobs, how they went, and what they have to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.models import Facts


@dataclass(frozen=True, slots=True)
class Job:
    """A TimescaleDB job with its last outcome.

    ``next_start`` None never ran or was paused; ``running`` where TimescaleDB says ``-infinity``.
    ``error`` is what the last run ended with, where it failed: one line, no DETAIL, no HINT.
    """

    id: int
    application: str
    procedure: str
    owner: str
    scheduled: bool
    interval: timedelta
    next_start: datetime | None
    running: bool
    hypertable: str  # schema.name the job works on, empty where none
    last_status: str
    last_success: datetime | None
    config: Facts = field(default_factory=dict)
    started: datetime | None = None  # its last run
    runs: int = 0
    error: str = ""

    @property
    def drops_data(self) -> bool:
        """Whether the job removes rows: re-armed only with an approver's word."""
        return self.procedure == "policy_retention"


@dataclass(frozen=True, slots=True)
class JobWork:
    """What a policy has to do and how far it has come: two of these show what a run did.

    Args:
        due: the ranges of time within the policy's window that wait to be refreshed, compressed or
            dropped, in TimescaleDB's own numbers, both ends included.
        mark: how far it has come: changes when the policy has moved on.
        written: rows ever written to its table or taken out of it, as PostgreSQL counts them.
    """

    due: frozenset[tuple[int, int]] = frozenset()
    mark: str = ""
    written: int = 0
