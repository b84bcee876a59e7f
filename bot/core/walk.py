"""Carries out the steps of a run: written before done, cancelled at safe points, undone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from bot.core.errors import DatabaseUnavailable, EngineUnavailable, RunCancelled, TsbotError
from bot.core.plan import SPECS, StepName
from bot.core.step_log import StepLog
from bot.core.steps.coming_back import came_back, engine_came_back
from bot.core.steps.stage import Outcome, Stage, W

logger = logging.getLogger(__name__)


@dataclass
class Walk(Generic[W]):
    """The steps of one run.

    Args:
        log: where each is written down.
        work: what they work with.
        before_change: called once, in front of the first destructive step or, where ``gate_first``,
            of the first of all; raises GateNotPassed.
        gate_first: whether even harmless steps have to wait for it.
    """

    log: StepLog
    work: W
    before_change: Callable[[], None]
    gate_first: bool = False
    approved: bool = False
    begun: list[Stage[W]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    left: dict[StepName, str] = field(default_factory=dict)
    _given_up: set[type[TsbotError]] = field(default_factory=set, init=False)  # who stayed away

    def through(self, stages: Iterable[Stage[W]]) -> None:
        """Carry out the stages that have not been carried out yet.

        Once the databases have changed places a failure stops nothing, and is kept in ``late``:
        applications and jobs must come back. A step that PostgreSQL or the engine left in the
        lurch is then done again when that is back.

        Raises:
            TsbotError: a step before that failed, or the gate was not passed.
        """
        for stage in stages:
            if stage.name in self.work.facts:
                continue
            try:
                self._step(stage)
            except TsbotError as error:
                if not self.work.turned:
                    raise
                self._step_again(stage, error)

    def _step_again(self, stage: Stage[W], error: TsbotError) -> None:
        """Do a step after the cut-over once more, or take note of why it failed."""
        if self._is_worth_waiting(error):
            try:
                return self._step(stage)
            except TsbotError as second:
                error = second
        self.late.append(f"{SPECS[stage.name].title}: {error}")
        return None

    def _is_worth_waiting(self, error: TsbotError) -> bool:
        """Whether who was away has come back; each is waited for only once in vain."""
        for kind, back in ((DatabaseUnavailable, came_back), (EngineUnavailable, engine_came_back)):
            if isinstance(error, kind) and kind not in self._given_up:
                if back(self.work):
                    return True
                self._given_up.add(kind)
        return False

    def _step(self, stage: Stage[W]) -> None:
        self._stop_if_cancelled(stage)
        if (self.gate_first or SPECS[stage.name].destructive) and not self.approved:
            self.before_change()
            self.approved = True
            self._stop_if_cancelled(stage)  # hashing the dump again may have taken minutes
        intent = stage.intent(self.work)
        self.work.intents[stage.name] = intent.facts
        # after the cut-over whatever takes nothing away makes things safe again: workers, jobs
        safe = stage.safe or (self.work.turned and not SPECS[stage.name].destructive)
        self.log.started(stage.name, intent, safe=safe)
        self.begun.append(stage)
        try:
            outcome = stage.act(self.work)
        except TsbotError as error:
            self.log.failed(error, self.work.facts.get(stage.name))
            raise
        self._ended(stage, outcome)

    def _ended(self, stage: Stage[W], outcome: Outcome) -> None:
        self.work.facts[stage.name] = outcome.facts
        self.log.finished(outcome)

    def _stop_if_cancelled(self, stage: Stage[W]) -> None:
        """Cancelling is safe until the databases have changed places, and pointless afterwards."""
        if self.work.cancelled() and not self.work.turned:
            raise RunCancelled(f"cancelled before: {SPECS[stage.name].title}")

    def adopt(self, cut_off: StepName | None) -> None:
        """Take the step in which a process died as done, if it turns out to have been."""
        for stage in self.begun:
            if stage.name is cut_off and stage.name not in self.work.facts:
                outcome = stage.probe(self.work)
                if outcome is not None:
                    self.log.found(stage.name, outcome)
                    self.work.facts[stage.name] = outcome.facts

    def undo(self, stages: Sequence[Stage[W]] | None = None) -> None:
        """Take back what was begun, the latest first; one failure never hides the rest.

        Args:
            stages: only these, None for all that were begun.
        """
        for stage in reversed(self.begun if stages is None else stages):
            try:
                summary, ok = self._undo_one(stage), True
            except TsbotError as error:
                summary, ok = str(error), False
            except Exception as error:
                logger.exception("undo of %s broke off", stage.name)
                summary, ok = f"internal error: {error!r}", False
            if not ok:
                self.left[stage.name] = summary.rstrip(".")
            if summary:
                self.log.undone(stage.name, summary, ok=ok)

    def _undo_one(self, stage: Stage[W]) -> str:
        try:
            return stage.undo(self.work)
        except TsbotError as error:
            if not self._is_worth_waiting(error):
                raise
        return stage.undo(self.work)
