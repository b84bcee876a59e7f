"""The gate: a run waits here until the quorum stands, somebody objects, or time is up.

Events are only hints that wake it. What counts is read back from Slack each time: all marks, the
message itself, and every voter as the workspace knows them at that moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

from bot.core import events as ev
from bot.core.approvals import ApprovalRules, GateNotice, Tally
from bot.core.change_plan import ChangePlan
from bot.core.door import Door
from bot.core.errors import AuditUnavailable, ChatUnavailable, GateNotPassed, Unavailable
from bot.core.forecast import until_the_gate
from bot.core.gate_times import GateTimes
from bot.core.journal import Journal
from bot.core.models import Person
from bot.core.open_gate import OpenGate
from bot.core.plan import Plan
from bot.core.ports import Ballot, Clock, Deadlines, Directory, Timers
from bot.core.vote_count import VoteCount

POLL = 15.0
"""Seconds between looks at a gate that nobody hints at; events may be lost."""


class Gate(Protocol):
    """Lets a run pass, or not."""

    def foresee(self, plan: Plan) -> None:
        """Tell approvers at the start of a run that they will be needed later."""
        ...

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        """Wait until the plan is approved and return by whom.

        Raises:
            GateNotPassed: vetoed, expired, voided or cancelled.
        """
        ...


@dataclass
class SlackGate:
    """A gate whose votes are reactions.

    Args:
        ballot: gate messages.
        directory: the workspace's people.
        journal: the run's log.
        clock: time.
        timers: wake the gate at its reminder and its end.
        deadlines: those times, surviving a restart.
        rules: quorum and times.
        eligible: who was an approver when the run was requested.
        cancelled: whether somebody asked to stop.
        resumed: the gate this run stood at when the bot stopped, None for none.
        poll: seconds between looks without a hint.
        door: lets the run out of the gate, unless the bot is about to stop.
    """

    ballot: Ballot
    directory: Directory
    journal: Journal
    clock: Clock
    timers: Timers
    deadlines: Deadlines
    rules: ApprovalRules
    eligible: frozenset[str]
    cancelled: Callable[[], bool]
    resumed: OpenGate | None = None
    poll: float = POLL
    door: Door = field(default_factory=Door)
    _hint: threading.Event = field(default_factory=threading.Event, init=False)
    _votes: VoteCount = field(init=False)
    _standing: OpenGate | None = field(default=None, init=False)
    _passed: OpenGate | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._votes = VoteCount(self.ballot, self.directory, self.journal, self.clock)

    def hint(self, channel: str, ts: str) -> None:
        """Wake the gate if the mark was made on its message; others are none of its business."""
        standing = self._standing
        if standing and (standing.ref.channel, standing.ref.ts) == (channel, ts):
            self._hint.set()

    def foresee(self, plan: Plan) -> None:
        """Tell approvers at the start of a run that they will be needed later."""
        try:
            seconds = until_the_gate(self.journal.log, plan)
        except AuditUnavailable:
            seconds = None  # the next entry will say so
        self.journal.record(
            ev.ApprovalForeseen(
                run_id=plan.run_id,
                at=self.clock.now(),
                plan=plan,
                approvers=self.rules.approvers,
                seconds=seconds,
            )
        )

    @property
    def waiting(self) -> bool:
        """Whether the run stands at the gate now; it can be left there when the bot stops."""
        return self._standing is not None

    def wake(self) -> None:
        """Let the gate look again, such as after a cancel."""
        self._hint.set()

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        """Wait until the plan is approved and return by whom.

        Raises:
            GateNotPassed: vetoed, expired, voided or cancelled.
        """
        self._votes.forget()
        if self._passed is not None:
            self._repaint(self._passed, "voided: the plan changed after it was approved")
        gate = self._reopen(plan) or self._open(plan, requester)
        self._standing = gate
        try:
            approvers = self._wait(gate)
        except GateNotPassed as end:
            self._close(gate, end.reason, end.sentence)
            raise
        finally:
            self._step_out()
            self._times.forget(gate.notice.plan.run_id)
        names = ", ".join(p.name for p in approvers)
        self._close(gate, "approved", f"approved by {names}", approvers)
        self._passed = gate
        return approvers

    def _reopen(self, plan: Plan | ChangePlan) -> OpenGate | None:
        gate, self.resumed = self.resumed, None
        if gate is None:
            return None
        if gate.notice.digest == plan.digest() and gate.notice.rules == self.rules:
            self._arm(gate)
            self._votes.remember(gate.answered)
            return gate
        what = "plan" if gate.notice.rules == self.rules else "approval settings"
        sentence = f"the {what} changed while the bot was away; vote on the new message"
        self._close(gate, "voided", sentence)
        return None

    def _open(self, plan: Plan | ChangePlan, requester: Person) -> OpenGate:
        while True:
            now = self.clock.now()
            expires = now + self.rules.timeout
            digest = plan.digest()
            notice = GateNotice(plan, digest, requester, self.rules, self.eligible, now, expires)
            try:
                ref = self.ballot.open(notice)
            except ChatUnavailable as error:
                self._delayed(plan.run_id, error)
                continue
            gate = OpenGate(notice, ref)
            self._arm(gate)  # first: without its deadline a logged gate would not be taken up again
            self.journal.record(
                ev.GateOpened(
                    run_id=plan.run_id, at=now, notice=notice, channel=ref.channel, ts=ref.ts
                )
            )
            return gate

    @property
    def _times(self) -> GateTimes:
        return GateTimes(self.clock, self.timers, self.deadlines)

    def _arm(self, gate: OpenGate) -> None:
        self._times.arm(gate.notice, self.wake, partial(self._remind, gate))

    def _step_out(self) -> None:
        self._standing = None

    def _remind(self, gate: OpenGate) -> None:
        minutes = (gate.notice.expires_at - self.clock.now()) / timedelta(minutes=1)
        mentions = " ".join(_mention(a) for a in gate.notice.rules.approvers)
        self._answer(gate, f"{mentions} still waiting; this expires in {minutes:.0f} min.")

    def _wait(self, gate: OpenGate) -> tuple[Person, ...]:
        while True:
            self._hint.clear()
            try:
                self._stop_if_over(gate)
                confirmed = self._look(gate)
            except GateNotPassed:
                self._leave()
                raise
            if confirmed is not None:
                self._leave()
                self._stop_if_cancelled()
                return confirmed.approvers

    def _leave(self) -> None:
        """Go on, or stand here until the bot has stopped; the next one counts the votes again.

        Whoever has cancelled was told that the run ends: it does.
        """
        while not (self.door.leave(self._step_out) or self.cancelled()):
            self._hint.wait(self.poll)
            self._hint.clear()

    def _look(self, gate: OpenGate) -> Tally | None:
        """Count, and wait where the quorum does not stand; None where it goes on so."""
        try:
            standing = self._count(gate)
            if standing is not None and standing.reached:
                return self._grace(gate, standing)
            self._hint.wait(self.poll)
        except AuditUnavailable as error:  # what can't be logged does not count yet
            self._delayed(gate.notice.plan.run_id, error)
        return None

    def _stop_if_over(self, gate: OpenGate) -> None:
        self._stop_if_cancelled()
        if self.clock.now() >= gate.notice.expires_at:
            raise GateNotPassed("expired", "nobody decided in time")

    def _grace(self, gate: OpenGate, standing: Tally) -> Tally | None:
        """Give everybody a last chance to object; None where the quorum is gone again."""
        run_id, digest, grace = gate.notice.plan.run_id, gate.notice.digest, self.rules.grace
        starts_at = (now := self.clock.now()) + grace
        reached = ev.QuorumReached(
            run_id=run_id, at=now, approvers=standing.approvers, starts_at=starts_at, digest=digest
        )
        self.journal.record(reached)
        self._answer(gate, f"Approved. Starting in {grace.total_seconds():.0f} s, :x: stops it.")
        while (left := (starts_at - self.clock.now()).total_seconds()) > 0:
            self._hint.wait(min(left, self.poll))
            self._hint.clear()
            self._stop_if_cancelled()
            self._count(gate)
        last = self._count(gate)
        return last if last is not None and last.reached else None

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise GateNotPassed("cancelled", "the run was cancelled")

    def _count(self, gate: OpenGate) -> Tally | None:
        """Read everything back and count; None while Slack can't be asked.

        Raises:
            GateNotPassed: an approver objected, or the message is not what was posted.
        """
        try:
            return self._votes.count(gate.ref, gate.notice, partial(self._answer, gate))
        except ChatUnavailable as error:
            self._delayed(gate.notice.plan.run_id, error)
            return None

    def _close(
        self, gate: OpenGate, outcome: str, sentence: str, approvers: tuple[Person, ...] = ()
    ) -> None:
        self.journal.record(
            ev.GateClosed(
                run_id=gate.notice.plan.run_id,
                at=self.clock.now(),
                outcome=outcome,
                sentence=sentence,
                digest=gate.notice.digest,
                approvers=approvers,
            )
        )
        self._repaint(gate, f"{outcome}: {sentence}")

    def _repaint(self, gate: OpenGate, outcome: str) -> None:
        try:
            self.ballot.close(gate.ref, gate.notice, outcome)
        except ChatUnavailable as error:
            self._delayed(gate.notice.plan.run_id, error, wait=False)

    def _answer(self, gate: OpenGate, text: str) -> None:
        try:
            self.ballot.answer(gate.ref, text)
        except ChatUnavailable as error:
            self._delayed(gate.notice.plan.run_id, error, wait=False)

    def _delayed(self, run_id: str, error: Unavailable, *, wait: bool = True) -> None:
        self.journal.show(ev.GateDelayed(run_id=run_id, at=self.clock.now(), reason=str(error)))
        if wait:
            self._stop_if_cancelled()
            self._hint.wait(self.poll)


def _mention(approver: str) -> str:
    return f"<!subteam^{approver}>" if approver.startswith("S") else f"<@{approver}>"
