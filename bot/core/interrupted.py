"""Runs that were at work when their process died: found by their claims, told from the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core import events as ev
from bot.core.approvals import Mark
from bot.core.audit import Claim, Query
from bot.core.errors import Refused
from bot.core.journal import events_of
from bot.core.open_gate import OpenGate
from bot.core.past import Past, past_of
from bot.core.plan import StepName
from bot.core.ports import AuditLog, BallotRef

logger = logging.getLogger(__name__)

CARD = "card"
"""The log's action for where a run's card was posted."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was at work when its process died.

    Args:
        run_id: its id.
        events: all that was logged of it, oldest first.
        card: channel and ts of its card, None where none was posted.
    """

    run_id: str
    events: tuple[ev.Event, ...]
    card: tuple[str, str] | None = None

    @property
    def asked(self) -> ev.RunRequested | None:
        """The request, None where not even that was logged."""
        return next((e for e in self.events if isinstance(e, ev.RunRequested)), None)

    @property
    def ended(self) -> bool:
        """Whether it came to its end after all, and only its claim was left."""
        return any(isinstance(e, ev.RunFinished) for e in self.events)

    @property
    def past(self) -> Past | None:
        """What it had done, None where it came to no plan."""
        return past_of(self.events)

    @property
    def told(self) -> ev.RunInterrupted | None:
        """What the channel was told last, None where nobody was, or somebody has decided since."""
        for event in reversed(self.events):
            if isinstance(event, ev.RunInterrupted):
                return event
            if isinstance(event, ev.DecisionTaken):
                return None
        return None

    @property
    def gate(self) -> OpenGate | None:
        """The gate it stood at, None where it had passed it or never came to it."""
        for position, event in reversed(tuple(enumerate(self.events))):
            if isinstance(event, ev.GateClosed):
                return None
            if isinstance(event, ev.GateOpened):
                ref = BallotRef(event.channel, event.ts)
                return OpenGate(event.notice, ref, _answered(self.events[position:]))
        return None

    @property
    def begun(self) -> tuple[ev.StepStarted, ...]:
        """The steps that may have changed something."""
        return tuple(
            e
            for e in self.events
            if isinstance(e, ev.StepStarted) and e.step is not StepName.PREFLIGHT
        )


def _answered(events: Sequence[ev.Event]) -> tuple[ev.VoteTaken, ...]:
    """Return the last word on each mark; what was taken back may come again and is new then."""
    votes: dict[tuple[str, Mark], ev.VoteTaken] = {}
    for event in events:
        if isinstance(event, ev.VoteTaken):
            votes[(event.person.id, event.mark)] = event
        elif isinstance(event, ev.VoteWithdrawn):
            votes.pop((event.person.id, event.mark), None)
    return tuple(votes.values())


def read_run(log: AuditLog, run_id: str) -> Unfinished:
    """Return all that was logged of a run.

    Raises:
        Refused: nothing was.
    """
    entries = [e for e in log.entries(Query(run_id=run_id)) if e.draft.run_id == run_id]
    if not entries:
        raise Refused("unknown_run", f"There is no run “{run_id}”; see: tsbot runs list.")
    cards = [
        (e.draft.channel, str(e.draft.detail.get("ts", "")))
        for e in entries
        if e.draft.action == CARD
    ]
    events = tuple(event for entry in entries for event in events_of(entry))
    return Unfinished(run_id, events, cards[-1] if cards else None)


def is_undecided(log: AuditLog, run_id: str) -> bool:
    """Whether a run has begun something that it neither ended nor took back."""
    try:
        run = read_run(log, run_id)
    except Refused:
        return False
    past = run.past
    return past is not None and bool(past.begun) and past.weighs and not run.ended


def unfinished(log: AuditLog, held: Sequence[Claim]) -> tuple[Unfinished, ...]:
    """Return the runs of these claims, those that were claimed and never logged left out."""
    found = []
    for claim in sorted(held, key=lambda c: c.since):
        try:
            found.append(read_run(log, claim.run_id))
        except Refused:
            found.append(Unfinished(claim.run_id, ()))
        except (KeyError, TypeError, ValueError):  # it keeps its target; the bot must start
            logger.exception("run %s: its entries are not of this version", claim.run_id)
    return tuple(found)


def require_intact(log: AuditLog) -> None:
    """Let nothing be done on the word of a log that somebody has changed.

    Raises:
        Refused: the chain does not verify; the sentence says what can be done all the same.
        AuditUnavailable: it cannot be read.
    """
    found = log.verify()
    if not found.intact:
        raise Refused(
            "log_changed",
            f"The audit log does not verify: {found.problem} What it says of the run is not acted "
            "upon; abandon the run and go on by hand: tsbot audit verify, tsbot runs show.",
        )
