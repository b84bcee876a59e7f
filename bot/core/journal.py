"""Writes each event of a run to the audit log before anybody is shown it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.core import events as ev
from bot.core.audit import Draft, Entry, Phase
from bot.core.codec import from_json, to_json
from bot.core.errors import AuditUnavailable
from bot.core.heads import ends_a_stretch, head_of, posted
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.ports import AuditLog, Clock, Presenter, Witness

logger = logging.getLogger(__name__)

_RETRY = timedelta(seconds=15)
"""Between attempts to reach a log that could not be written."""

_UNLOGGED = (ev.StepProgressed, ev.OutputArrived, ev.GateDelayed, ev.HeadPosted)
_KINDS: dict[str, type[ev.Event]] = {
    kind.__name__: kind for kind in ev.Event.__subclasses__() if kind not in _UNLOGGED
}


@dataclass
class Journal:
    """One run's way into the log and onto the screen.

    Args:
        log: the audit log.
        presenter: shown each event after it is committed.
        base: what every entry of this run has in common.
        clock: time.
        witness: keeps the log's heads elsewhere, None where nobody does.
    """

    log: AuditLog
    presenter: Presenter
    base: Draft
    clock: Clock
    witness: Witness | None = None
    _owed: list[Draft] = field(default_factory=list, init=False)
    _retry_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def record(self, event: ev.Event) -> None:
        """Commit an event, then show it.

        Raises:
            AuditUnavailable: it could not be committed; what it announces must not happen.
        """
        self.settle()
        self._append(self._draft(event))
        self.show(event)

    def record_safe(self, event: ev.Event) -> None:
        """The same for what makes things safe again: it goes on without the log.

        What could not be committed goes to the process's own log at once, and into the audit log
        when that can be written again. That is tried only now and then: applications must not
        wait for the time-out of a log that is known to be down.
        """
        draft = self._draft(event)
        try:
            self._append_if_up(draft, last=isinstance(event, ev.RunFinished))
        except AuditUnavailable as error:
            owed = f"{draft.run_id} {draft.action} {draft.phase} {draft.status}"
            logger.critical("audit log unavailable (%s); owed entry: %s", error, owed)
            self._owed.append(draft)
        self.show(event)

    def _append_if_up(self, draft: Draft, *, last: bool) -> None:
        now = self.clock.now()
        if now < self._retry_at and not last:
            raise AuditUnavailable("it could not be written a moment ago")
        try:
            self.settle()
            self._append(draft)
        except AuditUnavailable:
            self._retry_at = now + _RETRY
            raise

    def show(self, event: ev.Event) -> None:
        """Show an event that is not logged; that nobody can see it holds up no work."""
        try:
            self.presenter.show(event)
        except Exception:  # a closed terminal, or a view that cannot draw it
            logger.exception("%s of run %s is not shown", type(event).__name__, event.run_id)

    def settle(self) -> None:
        """Commit what is owed.

        Raises:
            AuditUnavailable: the log still cannot be written.
        """
        while self._owed:
            self._append(self._owed[0])
            self._owed.pop(0)

    def _append(self, draft: Draft) -> None:
        """Commit an entry; after an approval and at the end the log's head goes elsewhere too."""
        entry = self.log.append(draft)
        if not ends_a_stretch(entry):
            return
        self.show(posted(entry))
        if self.witness is not None:
            self.witness.note(head_of(entry))

    def _draft(self, event: ev.Event) -> Draft:
        detail = {"event": type(event).__name__, **_as_dict(event)}
        return replace(_columns(event, self.base), run_id=event.run_id, detail=detail)


def event_of(entry: Entry) -> ev.Event | None:
    """Return the event an entry was made from, None for entries of another kind."""
    detail = dict(entry.draft.detail)
    kind = _KINDS.get(str(detail.pop("event", "")))
    return from_json(kind, detail) if kind else None


def events_of(entry: Entry) -> tuple[ev.Event, ...]:
    """Return what was shown when an entry was committed: its head where one was posted, its event.

    Empty for entries of another kind.
    """
    event = event_of(entry)
    if event is None:
        return ()
    return (posted(entry), event) if ends_a_stretch(entry) else (event,)


def _as_dict(event: ev.Event) -> dict[str, object]:
    encoded = to_json(event)
    return dict(encoded) if isinstance(encoded, dict) else {}


def _columns(event: ev.Event, base: Draft) -> Draft:
    for kind, fill in _COLUMNS:
        if isinstance(event, kind):
            return fill(event, base)
    return replace(base, action=type(event).__name__, phase=Phase.NOTE)


def _requested(event: ev.RunRequested, base: Draft) -> Draft:
    return replace(
        _by(event.origin.person, base),
        action=event.operation,
        phase=Phase.INTENT,
        backup=event.backup,
        arguments=event.arguments,
    )


def _planned(event: ev.RunPlanned, base: Draft) -> Draft:
    backup = event.plan.backup.file.name if isinstance(event.plan, Plan) else ""
    return replace(base, action="plan", phase=Phase.NOTE, backup=backup, digest=event.digest)


def _checked(event: ev.ChecksMade, base: Draft) -> Draft:
    status = "ok" if all(c.passed for c in event.checks) else "failed"
    return replace(base, action=f"{event.step.value}_checks", phase=Phase.NOTE, status=status)


def _opened(event: ev.GateOpened, base: Draft) -> Draft:
    return replace(base, action="gate", phase=Phase.INTENT, digest=event.notice.digest)


def _closed(event: ev.GateClosed, base: Draft) -> Draft:
    return replace(
        base, action="gate", phase=Phase.OUTCOME, status=event.outcome, digest=event.digest
    )


def _vote(event: ev.VoteTaken, base: Draft) -> Draft:
    status = "refused" if event.refusal else event.mark.value
    draft = _by(event.person, base)
    return replace(draft, action="vote", phase=Phase.NOTE, status=status, digest=event.digest)


def _withdrawn(event: ev.VoteWithdrawn, base: Draft) -> Draft:
    draft = _by(event.person, base)
    return replace(draft, action="vote", phase=Phase.NOTE, status="withdrawn", digest=event.digest)


def _started(event: ev.StepStarted, base: Draft) -> Draft:
    return replace(base, action=event.step.value, phase=Phase.INTENT)


def _finished(event: ev.StepFinished, base: Draft) -> Draft:
    return replace(
        base,
        action=event.step.value,
        phase=Phase.OUTCOME,
        status="ok",
        duration_ms=round(event.seconds * 1000),
        output_tail=event.tail,
    )


def _failed(event: ev.StepFailed, base: Draft) -> Draft:
    return replace(
        base,
        action=event.step.value,
        phase=Phase.OUTCOME,
        status="failed",
        duration_ms=round(event.seconds * 1000),
        output_tail=event.tail,
    )


def _undone(event: ev.StepUndone, base: Draft) -> Draft:
    status = "undone" if event.ok else "undo failed"
    return replace(base, action=event.step.value, phase=Phase.OUTCOME, status=status)


def _ended(event: ev.RunFinished, base: Draft) -> Draft:
    return replace(
        base,
        action="run",
        phase=Phase.OUTCOME,
        status=event.outcome,
        duration_ms=round(event.seconds * 1000),
    )


def _armed(event: ev.RetentionArmed, base: Draft) -> Draft:
    return replace(_by(event.person, base), action="arm_retention", phase=Phase.INTENT)


def _arming_ended(event: ev.ArmingEnded, base: Draft) -> Draft:
    status = "failed" if event.problem else "ok"
    return replace(base, action="arm_retention", phase=Phase.OUTCOME, status=status)


def _cancelled(event: ev.CancelAsked, base: Draft) -> Draft:
    return replace(_by(event.person, base), action="cancel", phase=Phase.INTENT)


def _unwitnessed(event: ev.HeadNotWitnessed, base: Draft) -> Draft:  # noqa: ARG001
    return replace(base, action="witness", phase=Phase.OUTCOME, status="failed")


def _interrupted(_: ev.RunInterrupted, base: Draft) -> Draft:
    return replace(base, action="interrupted", phase=Phase.NOTE)


def _decided(event: ev.DecisionTaken, base: Draft) -> Draft:
    draft = _by(event.person, base)
    return replace(draft, action="decision", phase=Phase.NOTE, status=event.decision.value)


def _by(person: Person, base: Draft) -> Draft:
    return replace(base, actor_id=person.id, actor_name=person.name)


_COLUMNS: tuple[tuple[type[ev.Event], Callable[..., Draft]], ...] = (
    (ev.RunRequested, _requested),
    (ev.RunPlanned, _planned),
    (ev.ChecksMade, _checked),
    (ev.GateOpened, _opened),
    (ev.GateClosed, _closed),
    (ev.VoteTaken, _vote),
    (ev.VoteWithdrawn, _withdrawn),
    (ev.StepStarted, _started),
    (ev.StepFinished, _finished),
    (ev.StepFailed, _failed),
    (ev.StepUndone, _undone),
    (ev.RunFinished, _ended),
    (ev.RetentionArmed, _armed),
    (ev.ArmingEnded, _arming_ended),
    (ev.CancelAsked, _cancelled),
    (ev.RunInterrupted, _interrupted),
    (ev.DecisionTaken, _decided),
    (ev.HeadNotWitnessed, _unwitnessed),
)
