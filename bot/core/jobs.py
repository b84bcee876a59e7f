"""TimescaleDB's jobs, how they went, and what they have to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.models import Facts

_DONE_ALL_THE_SAME = ("cannot drop portal",)
"""What PostgreSQL says to a job that has committed its work and ends, and TimescaleDB then calls
the job failed. Seen with TimescaleDB 2.22.1 and 2.23.1 on PostgreSQL 15.20 and 17.12, for each
policy that ended well; up to 2.29.2 the code is the same.
"""


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
    def failed(self) -> bool:
        """Whether its last run came to grief before its work was committed."""
        return self.last_status == "Failed" and not self.miscalled

    @property
    def miscalled(self) -> bool:
        """Whether its last run is called failed for what came after its work was committed."""
        late = any(text in self.error for text in _DONE_ALL_THE_SAME)
        return self.last_status == "Failed" and late

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
