"""What a run looks like now: events folded, one by one, into a picture that can be painted.

Folding is pure, so a card can be painted again from the audit log's events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch

from bot.core import events as ev
from bot.core.approvals import Mark
from bot.core.change_plan import ChangePlan
from bot.core.models import Check, Person
from bot.core.plan import SPECS, Plan, StepName
from bot.core.step_view import GateState, GateView, StepState, StepView

__all__ = ["GateState", "GateView", "RunView", "StepState", "StepView", "fold"]

_SURE = 0.02
"""The share below which no time left is guessed."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as people see it.

    Args:
        run_id: its id.
        updated_at: the last event's time.
        operation: restore, refresh …
        target: the target's name.
        backup: the dump's file name.
        requester: who asked.
        channel: where, ``cli`` for the command line.
        started_at: when it was asked for.
        plan: once there is one.
        steps: in order.
        gate: the newest gate, None before the first.
        delay: why the gate can't be asked now, empty where it can.
        checks: what was looked at, by step.
        outcome: empty while it runs.
        sentence: what came of it.
        seconds: how long it took in all.
        counts: how many tables, chunks … there are now.
        waiting: retention jobs that an approver may let run again.
        waiting_since: the run that left them paused, where it is another one.
        cancelled_by: who asked to stop it, None as long as nobody has.
        stalled: what was found of it when its process had died, None where it is not so.
        head: the log's head after the newest approval or the end, None where none was posted.
    """

    run_id: str
    updated_at: datetime
    operation: str = "run"
    target: str = ""
    backup: str = ""
    requester: Person | None = None
    channel: str = ""
    started_at: datetime | None = None
    plan: Plan | ChangePlan | None = None
    steps: tuple[StepView, ...] = ()
    gate: GateView | None = None
    delay: str = ""
    checks: Mapping[StepName, tuple[Check, ...]] = field(default_factory=dict)
    outcome: str = ""
    sentence: str = ""
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    waiting: tuple[int, ...] = ()
    waiting_since: str = ""
    cancelled_by: Person | None = None
    stalled: ev.RunInterrupted | None = None
    head: ev.HeadPosted | None = None

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return bool(self.outcome)

    @property
    def current(self) -> StepView | None:
        """The step at work now."""
        return next((s for s in self.steps if s.state is StepState.RUNNING), None)

    @property
    def failed(self) -> StepView | None:
        """The first step that failed."""
        return next((s for s in self.steps if s.state is StepState.FAILED), None)

    def step(self, name: StepName) -> StepView | None:
        """Return a step by its name, None where the run has no such step."""
        return next((s for s in self.steps if s.spec.name is name), None)


def fold(view: RunView | None, event: ev.Event) -> RunView:
    """Return the view after one more event; None stands for a run not heard of before."""
    before = view or RunView(event.run_id, event.at)
    return replace(_after(event, before), updated_at=event.at)


@singledispatch
def _after(event: ev.Event, view: RunView) -> RunView:  # noqa: ARG001 — what is not shown
    return view


@_after.register
def _(event: ev.RunRequested, view: RunView) -> RunView:
    return replace(
        view,
        operation=event.operation,
        target=event.target,
        backup=event.backup,
        requester=event.origin.person,
        channel=event.origin.channel,
        started_at=event.at,
    )


@_after.register
def _(event: ev.ChecksMade, view: RunView) -> RunView:
    return replace(view, checks={**view.checks, event.step: event.checks})


@_after.register
def _(event: ev.RunPlanned, view: RunView) -> RunView:
    known = {step.spec.name: step for step in view.steps}
    steps = tuple(known.get(spec.name, StepView(spec)) for spec in event.plan.steps)
    backup = event.plan.backup.file.name if isinstance(event.plan, Plan) else ""
    return replace(view, plan=event.plan, steps=steps, backup=backup)


@_after.register
def _(event: ev.GateOpened, view: RunView) -> RunView:
    notice = event.notice
    gate = GateView(
        GateState.OPEN,
        event.channel,
        event.ts,
        notice.digest,
        notice.rules.quorum,
        notice.expires_at,
    )
    return replace(view, gate=gate, delay="")


@_after.register
def _(event: ev.GateDelayed, view: RunView) -> RunView:
    return replace(view, delay=event.reason)


@_after.register
def _(event: ev.VoteTaken, view: RunView) -> RunView:
    gate = view.gate
    if gate is None or gate.digest != event.digest or event.mark is Mark.VETO:
        return replace(view, delay="")
    others = tuple(p for p in gate.approvers if p.id != event.person.id)
    counted = () if event.refusal else (event.person,)  # a vote that counted may stop counting
    return replace(view, gate=replace(gate, approvers=(*others, *counted)), delay="")


@_after.register
def _(event: ev.VoteWithdrawn, view: RunView) -> RunView:
    gate = view.gate
    if gate is None or gate.digest != event.digest or event.mark is Mark.VETO:
        return view
    left = tuple(p for p in gate.approvers if p.id != event.person.id)
    state = GateState.OPEN if gate.state is GateState.GRACE else gate.state
    return replace(view, gate=replace(gate, approvers=left, state=state, starts_at=None))


@_after.register
def _(event: ev.QuorumReached, view: RunView) -> RunView:
    gate = view.gate
    if gate is None or gate.digest != event.digest:
        return view
    grace = replace(
        gate, state=GateState.GRACE, approvers=event.approvers, starts_at=event.starts_at
    )
    return replace(view, gate=grace, delay="")


@_after.register
def _(event: ev.GateClosed, view: RunView) -> RunView:
    gate = view.gate
    if gate is None or gate.digest != event.digest:
        return replace(view, delay="")
    closed = replace(
        gate,
        state=GateState.CLOSED,
        approvers=event.approvers or gate.approvers,
        outcome=event.outcome,
        sentence=event.sentence,
    )
    return replace(view, gate=closed, delay="")


@_after.register
def _(event: ev.StepStarted, view: RunView) -> RunView:
    fresh = StepView(SPECS[event.step], StepState.RUNNING, started_at=event.at)
    if view.step(event.step) is None:
        return replace(view, steps=(*view.steps, fresh))
    return _with(view, fresh)


@_after.register
def _(event: ev.StepProgressed, view: RunView) -> RunView:
    step = view.step(event.step)
    if step is None or step.state is not StepState.RUNNING:
        return view
    done = min(1.0, max(0.0, event.done))
    left = _time_left(step, done, event.at)
    return _with(view, replace(step, done=done, note=event.note, left=left))


@_after.register
def _(event: ev.StepFinished | ev.StepFailed, view: RunView) -> RunView:
    waiting, since = event.facts.get("waiting"), event.facts.get("waiting_since")
    if isinstance(waiting, list | tuple):
        numbers = tuple(int(job) for job in waiting)
        view = replace(view, waiting=numbers, waiting_since=str(since or ""))
    if isinstance(event, ev.StepFinished):
        return _ended(view, event.step, StepState.DONE, event.summary, event.seconds)
    return _ended(view, event.step, StepState.FAILED, event.sentence, event.seconds)


@_after.register
def _(event: ev.StepUndone, view: RunView) -> RunView:
    step = view.step(event.step) or StepView(SPECS[event.step])
    state = StepState.UNDONE if event.ok else StepState.FAILED
    return _ended(view, event.step, state, event.summary, step.seconds)


@_after.register
def _(event: ev.CancelAsked, view: RunView) -> RunView:
    return replace(view, cancelled_by=event.person)


@_after.register
def _(event: ev.HeadPosted, view: RunView) -> RunView:
    return replace(view, head=event)


@_after.register
def _(event: ev.RunFinished, view: RunView) -> RunView:
    ours = view.head is not None and view.head.status == event.outcome  # else the log was down
    return replace(
        view,
        head=view.head if ours else None,
        outcome=event.outcome,
        sentence=event.sentence,
        seconds=event.seconds,
        requester=view.requester or event.requester,
        counts=event.counts,
        delay="",
        stalled=None,
    )


@_after.register
def _(event: ev.RunInterrupted, view: RunView) -> RunView:
    return replace(view, stalled=event)


@_after.register
def _(event: ev.DecisionTaken, view: RunView) -> RunView:  # noqa: ARG001 — it is decided
    return replace(view, stalled=None)


def _ended(
    view: RunView, name: StepName, state: StepState, summary: str, seconds: float
) -> RunView:
    """Return the view with a step at its end; where it stopped stays visible on a failed one."""
    step = view.step(name)
    if step is None:
        step = StepView(SPECS[name])
        view = replace(view, steps=(*view.steps, step))
    done = step.done if state is StepState.FAILED else None
    after = replace(step, state=state, summary=summary, seconds=seconds, done=done, left=None)
    return _with(view, after)


def _with(view: RunView, step: StepView) -> RunView:
    steps = tuple(step if s.spec.name is step.spec.name else s for s in view.steps)
    return replace(view, steps=steps)


def _time_left(step: StepView, done: float, now: datetime) -> float | None:
    if step.started_at is None or done < _SURE:
        return None
    elapsed = (now - step.started_at).total_seconds()
    return elapsed * (1 - done) / done
