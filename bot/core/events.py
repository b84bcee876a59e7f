"""What happened, as frozen facts in the past tense.

The runner writes each one to the audit log and shows it to the presenter; what is shown can be
painted again from the log. Only `StepProgressed` and `OutputArrived` are too many to be logged,
and `HeadPosted` says of an entry what the entry itself cannot hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.approvals import GateNotice, Mark
from bot.core.change_plan import ChangePlan
from bot.core.models import Check, Decision, Facts, Origin, Person
from bot.core.plan import Plan, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root: which run it belongs to, and when."""

    run_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequested(Event):
    """Somebody asked for a run and was allowed to."""

    operation: str  # restore, refresh …
    target: str
    origin: Origin
    backup: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksMade(Event):
    """Preflight or the checklist looked at everything."""

    step: StepName
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlanned(Event):
    """The plan stands, until something of it changes."""

    plan: Plan | ChangePlan
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalForeseen(Event):
    """A run has begun that will need its approvers later; they hear of it now.

    Args:
        approvers: user and usergroup ids.
        seconds: until they are probably needed, None where nobody knows.
    """

    plan: Plan
    approvers: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOpened(Event):
    """The gate's message stands in the channel."""

    notice: GateNotice
    channel: str
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDelayed(Event):
    """Slack can't be asked, or no vote be logged; the gate stays shut until they can."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTaken(Event):
    """A mark was seen for the first time; ``refusal`` says why it does not count."""

    person: Person
    mark: Mark
    refusal: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteWithdrawn(Event):
    """A mark that was seen is gone."""

    person: Person
    mark: Mark
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumReached(Event):
    """Enough approvals; the run starts after the grace unless somebody objects."""

    approvers: tuple[Person, ...]
    starts_at: datetime
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateClosed(Event):
    """The gate ended: ``approved``, ``vetoed``, ``expired``, ``voided`` or ``cancelled``."""

    outcome: str
    sentence: str
    digest: str
    approvers: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step is about to act; logged before it does."""

    step: StepName
    intent: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgressed(Event):
    """How far a step is; not logged.

    ``done`` goes from 0 to 1; ``note`` says what is being worked on.
    """

    step: StepName
    done: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputArrived(Event):
    """A step's program printed something worth reading; not logged, the tail is."""

    step: StepName
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A step did what it should."""

    step: StepName
    summary: str
    seconds: float
    facts: Facts = field(default_factory=dict)
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """A step did not; ``facts`` are of what it had done by then and cannot be taken back."""

    step: StepName
    sentence: str
    seconds: float
    tail: str = ""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUndone(Event):
    """What a step did was taken back, or could not be."""

    step: StepName
    summary: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked(Event):
    """Somebody who may asked the run to stop at its next safe point; ``effect`` is what they were
    told it would do."""

    person: Person
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The run ended: ``succeeded``, ``unverified``, ``failed``, ``cancelled``, ``not approved``,
    ``refused``, ``dry run``, ``interrupted``."""

    outcome: str
    sentence: str
    seconds: float
    requester: Person
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    """A run's process died; this was found, and it waits for somebody to decide.

    Args:
        sentence: where it was.
        findings: what is there now, one sentence each.
        offers: what can be done.
        wakes: user and usergroup ids of those who may decide.
    """

    sentence: str
    findings: tuple[str, ...]
    offers: tuple[Decision, ...]
    wakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTaken(Event):
    """Somebody decided what becomes of an interrupted run."""

    person: Person
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionArmed(Event):
    """An approver let retention jobs run again that a restore had left paused; logged before they
    are armed."""

    person: Person
    jobs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmingEnded(Event):
    """These retention jobs run again; or they may not, and ``problem`` says why."""

    jobs: tuple[int, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPosted(Event):
    """The log's head after the approval or at the end, for people to keep; not logged.

    ``status`` is that of the entry: ``approved``, or how the run ended.
    """

    entry: int
    hash: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadNotWitnessed(Event):
    """The second witness did not take a head; it is tried again."""

    entry: int
    sentence: str
