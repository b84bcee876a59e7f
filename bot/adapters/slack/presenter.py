"""Shows runs in Slack: folds events into views and hands their looks to the outbox."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.adapters.slack.blocks_card import Permalink, card
from bot.adapters.slack.blocks_interrupted import interrupted
from bot.adapters.slack.blocks_result import decision, failure, foreseen, result, unwitnessed
from bot.adapters.slack.outbox import Outbox
from bot.adapters.slack.pending import Priority
from bot.core import events as ev
from bot.core.models import Check
from bot.core.plan import SPECS, StepName
from bot.core.run_view import RunView, fold

CLI = "cli"
_KEPT = 50

log = logging.getLogger(__name__)


def _no_address(channel: str, ts: str) -> str:  # noqa: ARG001 — the shape of a Permalink
    return ""


@dataclass(frozen=True, slots=True)
class _Shown:
    view: RunView
    channel: str

    @property
    def known(self) -> bool:
        """Whether the run's request was seen: without it nobody knows what its card looks like.

        Such is a run from before a restart of the bot, of which only some late event comes in.
        """
        return self.view.started_at is not None

    @property
    def at_work(self) -> bool:
        """Whether its card has to change once more."""
        return self.known and not self.view.finished


class SlackPresenter:
    """The port Presenter: one card a run, details in its thread, turning points in the channel.

    Args:
        outbox: where looks go.
        default_channel: for runs from the command line, and for what is said of unknown ones.
        permalink: message addresses for links, see `Identity.permalink`; must not block.
    """

    def __init__(
        self, outbox: Outbox, default_channel: str, permalink: Permalink = _no_address
    ) -> None:
        self._outbox, self._default, self._permalink = outbox, default_channel, permalink
        self._runs: OrderedDict[str, _Shown] = OrderedDict()
        self._lock = threading.Lock()

    def show(self, event: ev.Event) -> None:
        """Take note of an event and paint it when there is time."""
        try:
            with self._lock:
                shown = self._folded(event)
                self._paint(shown)
            self._tell(event, shown)
        except Exception:  # a run must never end because its card can't be painted
            log.exception("could not show %s of run %s", type(event).__name__, event.run_id)

    def adopt(self, run_id: str, channel: str, ts: str, events: Iterable[ev.Event]) -> None:
        """Paint a run's card again from its logged events, after a restart.

        Args:
            run_id: the run.
            channel: where its card is, or where it was asked for.
            ts: of the card; empty posts a new one.
            events: oldest first.
        """
        view: RunView | None = None
        for event in events:
            view = fold(view, event)
        if view is None:
            return
        with self._lock:
            shown = self._keep(_Shown(view, self._place(channel)))
            if ts:
                self._outbox.adopt(shown.channel, run_id, ts)
            self._paint(shown)

    def _folded(self, event: ev.Event) -> _Shown:
        before = self._runs.get(event.run_id)
        view = fold(before.view if before else None, event)
        asked_in = self._place(view.channel)
        return self._keep(
            _Shown(view, before.channel if before and before.view.channel else asked_in)
        )

    def _place(self, channel: str) -> str:
        return self._default if channel in ("", CLI) else channel

    def _keep(self, shown: _Shown) -> _Shown:
        self._runs[shown.view.run_id] = shown
        self._runs.move_to_end(shown.view.run_id)
        over = [run_id for run_id, one in self._runs.items() if not one.at_work][:-_KEPT]
        for run_id in over:
            del self._runs[run_id]
        return shown

    def _paint(self, shown: _Shown) -> None:
        if not shown.known:
            return
        look = card(shown.view, self._permalink)
        self._outbox.paint(shown.channel, shown.view.run_id, look)

    def _tell(self, event: ev.Event, shown: _Shown) -> None:
        """Say what belongs into the thread or the channel besides the card."""
        channel, run_id, view = shown.channel, event.run_id, shown.view
        for title, body in _notes(event):
            self._outbox.note(channel, run_id, title, body)
        if isinstance(event, ev.RunFinished):
            good = event.outcome == "succeeded"
            priority = Priority.DECISION if good else Priority.FAILURE
            self._outbox.announce(channel, run_id, result(view), priority)
        elif isinstance(event, ev.RunInterrupted):
            self._outbox.announce(channel, run_id, interrupted(event), Priority.FAILURE)
        elif isinstance(event, ev.ApprovalForeseen):
            self._outbox.announce(channel, run_id, foreseen(event), Priority.DECISION)
        elif isinstance(event, ev.GateClosed):
            gate = view.gate
            if gate is not None and gate.digest == event.digest:  # else of an older plan
                self._outbox.announce(channel, run_id, decision(view, gate), Priority.DECISION)
        elif isinstance(event, ev.HeadNotWitnessed):
            look = unwitnessed(view, event.entry, event.sentence)
            self._outbox.announce(channel, run_id, look, Priority.DECISION)
        elif isinstance(event, ev.StepFailed) and event.step is not StepName.PREFLIGHT:
            step = view.step(event.step)  # a failed preflight ends the run, which is told anyway
            if step is not None:
                self._outbox.announce(channel, run_id, failure(view, step), Priority.FAILURE)


def _notes(event: ev.Event) -> list[tuple[str, str]]:
    """Return what goes into the thread, as titles and output."""
    if isinstance(event, ev.OutputArrived):
        return [(SPECS[event.step].title, "\n".join(event.lines))]
    if isinstance(event, ev.StepFinished | ev.StepFailed):
        told = event.summary if isinstance(event, ev.StepFinished) else event.sentence
        return [(f"{SPECS[event.step].title}: {told}", event.tail)] if event.tail else []
    if isinstance(event, ev.StepUndone):
        undone = "taken back" if event.ok else "could not be taken back"
        return [(f"{SPECS[event.step].title} {undone}: {event.summary}", "")]
    if isinstance(event, ev.ChecksMade):
        return [(_line(c), "") for c in event.checks if not c.passed]
    return []


def _line(check: Check) -> str:
    remedy = f" → {check.remedy}" if check.remedy else ""
    return f"{check.name}, {check.verdict.value}: {check.evidence}{remedy}"
