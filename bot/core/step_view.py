"""A run's steps and its gate as people see them: the pieces of a run's picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.models import Person
from bot.core.plan import StepSpec


class StepState(StrEnum):
    """Where a step is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as people see it.

    Args:
        spec: name, the guide's number, title, destructive or not.
        state: where it is.
        seconds: how long it took, 0 while it runs.
        summary: what it did, or what went wrong.
        done: 0 to 1 while it runs, None where the step doesn't say.
        note: what is being worked on.
        started_at: when it began, None before.
        left: seconds it probably still needs, None where that would be a guess.
    """

    spec: StepSpec
    state: StepState = StepState.PENDING
    seconds: float = 0.0
    summary: str = ""
    done: float | None = None
    note: str = ""
    started_at: datetime | None = None
    left: float | None = None


class GateState(StrEnum):
    """Where the approval stands."""

    OPEN = "open"
    GRACE = "grace"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class GateView:
    """The approval as people see it.

    Args:
        state: open, in the grace before the start, or closed.
        channel: of its message.
        ts: of its message.
        digest: what is voted on; votes on anything else are not counted here.
        quorum: approvals needed.
        approvers: who approved so far.
        expires_at: when it ends by itself.
        starts_at: when the grace ends, None before the quorum.
        outcome: how it ended, empty while it stands.
        sentence: who or what ended it.
    """

    state: GateState
    channel: str
    ts: str
    digest: str
    quorum: int
    expires_at: datetime
    approvers: tuple[Person, ...] = ()
    starts_at: datetime | None = None
    outcome: str = ""
    sentence: str = ""

    @property
    def missing(self) -> int:
        """How many approvals are still needed."""
        return max(0, self.quorum - len(self.approvers))
