"""After a restart of the bot: what its unfinished runs are, from the claims and the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core import events as ev
from bot.core.aftermath import left_behind, standing
from bot.core.approvals import Mark
from bot.core.audit import Query
from bot.core.bench import Bench, choose
from bot.core.change_plan import ChangePlan
from bot.core.changes import change_of
from bot.core.desk import Desk
from bot.core.errors import Refused
from bot.core.gate import OpenGate
from bot.core.journal import events_of
from bot.core.launcher import HOLDER
from bot.core.plan import SPECS, Plan, StepName
from bot.core.ports import AuditLog, BallotRef, Claims
from bot.core.requests import parse_restore

CARD = "card"
"""The log's action for where a run's card was posted."""

_NAMES = "See “Put the old database back” in the README: it tells what the names of databases mean."


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was at work when the bot stopped.

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

    def account(self) -> str:
        """Say what was going on and what somebody has to look at now."""
        if not self.begun:
            return "The bot was restarted before anything was changed; ask again."
        last = self.begun[-1]
        what = f"The bot died in the middle of “{SPECS[last.step].title}” ({last.intent})"
        planned = [e.plan for e in self.events if isinstance(e, ev.RunPlanned)]
        changes = [plan for plan in planned if isinstance(plan, ChangePlan)]
        if changes:
            down = ", ".join(a.name for a in changes[-1].applications)
            apps = f" The applications may be DOWN: docker start {down}." if down else ""
            return f"{what}; nothing goes on, and nothing was taken back.{apps} {_NAMES}"
        plans = [plan for plan in planned if isinstance(plan, Plan)]
        if not plans:  # a refresh: each view is one statement, and may be refreshed again
            return f"{what}. Nothing has to be taken back; ask again."
        cut = any(
            isinstance(e, ev.StepFinished) and e.step is StepName.CUT_OVER for e in self.events
        )
        left = left_behind(plans[-1], standing(self.events), cut_over=cut)
        return f"{what}; nothing goes on, and nothing was taken back. {left}"


def _answered(events: Sequence[ev.Event]) -> tuple[ev.VoteTaken, ...]:
    """Return the last word on each mark; what was taken back may come again and is new then."""
    votes: dict[tuple[str, Mark], ev.VoteTaken] = {}
    for event in events:
        if isinstance(event, ev.VoteTaken):
            votes[(event.person.id, event.mark)] = event
        elif isinstance(event, ev.VoteWithdrawn):
            votes.pop((event.person.id, event.mark), None)
    return tuple(votes.values())


def unfinished(log: AuditLog, claims: Claims) -> tuple[Unfinished, ...]:
    """Return the runs that this bot held a claim for when it stopped."""
    held = [c for c in claims.held() if c.holder == HOLDER]
    return tuple(_read(log, c.run_id) for c in sorted(held, key=lambda c: c.since))


def _read(log: AuditLog, run_id: str) -> Unfinished:
    entries = log.entries(Query(run_id=run_id))
    cards = [
        (e.draft.channel, str(e.draft.detail.get("ts", "")))
        for e in entries
        if e.draft.action == CARD
    ]
    events = tuple(event for entry in entries for event in events_of(entry))
    return Unfinished(run_id, events, cards[-1] if cards else None)


def pick_up(runs: Sequence[Unfinished], desk: Desk) -> None:
    """Go on waiting at gates; close all others, saying what somebody has to look at."""
    waiting = {deadline.run_id for deadline in desk.launcher.deadlines.pending()}
    for run in runs:
        asked, gate = run.asked, run.gate if run.run_id in waiting else None
        if asked is not None and gate is not None and not run.begun:
            try:
                bench = choose(desk.benches, asked.target)
                _wait_on(asked, gate, bench, desk)
            except Refused as refusal:  # the settings changed meanwhile
                _close(run, refusal.sentence, desk)
        else:
            _close(run, run.account(), desk)


def _wait_on(asked: ev.RunRequested, gate: OpenGate, bench: Bench, desk: Desk) -> None:
    plan = gate.notice.plan
    if isinstance(plan, Plan):
        request = parse_restore(asked.arguments, desk.benches)
        desk.launcher.resume(asked, request, bench, gate)
        return
    change = change_of(plan, bench, desk.log)
    if change is None:
        raise Refused("not_resumed", "The bot was restarted before it was approved; ask again.")
    desk.launcher.change(asked, change, bench, gate)


def _close(run: Unfinished, sentence: str, desk: Desk) -> None:
    asked = run.asked
    if asked is not None:
        desk.launcher.journal(asked.origin.channel, asked.target).record(
            ev.RunFinished(
                run_id=run.run_id,
                at=desk.clock.now(),
                outcome="interrupted",
                sentence=sentence,
                seconds=(desk.clock.now() - asked.at).total_seconds(),
                requester=asked.origin.person,
            )
        )
    for claim in desk.launcher.claims.held():
        if claim.run_id == run.run_id:
            desk.launcher.claims.release(claim.target, claim.run_id)
