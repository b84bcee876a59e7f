"""Walks a change that is no restore: a plan, the gate, its steps, one end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Protocol

from bot.core import events as ev
from bot.core.bench import Bench
from bot.core.carrying_out import Ending, carry_out, outcome_of
from bot.core.change_plan import ChangePlan
from bot.core.errors import TsbotError
from bot.core.gate import Gate
from bot.core.gate_keeping import Drift, GateKeeping
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.models import Container, Person, Target
from bot.core.plan import SPECS, StepName
from bot.core.step_log import StepLog
from bot.core.steps.stage import Intent, Outcome, Stage, Tools
from bot.core.walk import Walk
from bot.core.wording import ended

logger = logging.getLogger(__name__)


@dataclass
class ChangeWork(Tools):
    """A change's plan and tools."""

    plan: ChangePlan

    @property
    def target(self) -> Target:
        """What is changed."""
        return self.plan.target

    @property
    def container(self) -> Container:
        """The database's container."""
        return self.plan.container

    @property
    def applications(self) -> tuple[Container, ...]:
        """Those that ran when the change was planned."""
        return self.plan.applications


class Change(Protocol):
    """A kind of change: how it is planned, what its steps are, and what is true afterwards."""

    def plan(self, run_id: str) -> ChangePlan:
        """Look at everything, change nothing, and return what would be done.

        Asked again after steps that need no approval, and after the approval: such steps stay in
        the plan once they are done.

        Raises:
            Refused: it cannot be done; the sentence says why and what would be right.
        """
        ...

    def stages(self, plan: ChangePlan) -> Sequence[Stage[ChangeWork]]:
        """Return the plan's steps as they are carried out."""
        ...

    def verdict(self, work: ChangeWork) -> Ending:
        """Return how it ended, all steps done."""
        ...


@dataclass
class ChangeRun:
    """One change.

    Args:
        run_id: its id.
        change: what kind.
        requester: who asked.
        bench: the target, its engine and its server.
        gate: where it waits for approval, if a step is destructive.
        journal: its log.
        cancelled: whether somebody asked to stop.
    """

    run_id: str
    change: Change
    requester: Person
    bench: Bench
    gate: Gate
    journal: Journal
    cancelled: Callable[[], bool]
    _log: StepLog = field(init=False)
    _walk: Walk[ChangeWork] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._log = StepLog(self.run_id, self.journal, self.bench.clock)

    def execute(self) -> ev.RunFinished:
        """Run to the end and return how it ended; raises nothing that it may run into."""
        return carry_out(
            self.run_id, self.requester, self.bench, self.journal, self._guarded, self._rest
        )

    @property
    def _rest(self) -> str:
        """What is true where the run came to no step."""
        return "Nothing was changed"

    def _guarded(self, lease: Lease) -> Ending:
        try:
            return self._run(lease)
        except TsbotError as error:
            told = self._taken_back(str(error))
            left = self._walk.left if self._walk else ()
            return outcome_of(error, left), told
        except Exception as error:
            logger.exception("run %s broke off", self.run_id)
            return "failed", self._taken_back(f"internal error: {error!r}")

    def _run(self, lease: Lease) -> Ending:
        work = self._work_on(self._planned(), lease)
        self._walk = walk = Walk(self._log, work, lambda: self._pass_gate(work))
        walk.through(self._stages(work))
        return self._ending(walk)

    def _work_on(self, plan: ChangePlan, lease: Lease) -> ChangeWork:
        return ChangeWork(
            self.bench.host,
            self.bench.cluster,
            self.bench.clock,
            self._log.progressed,
            self._log.printed,
            self.cancelled,
            lease.renew,
            plan,
        )

    def _ending(self, walk: Walk[ChangeWork]) -> Ending:
        work = walk.work
        if walk.late:
            return "failed", f"{work.plan.title} is done, but: {ended('; '.join(walk.late))}"
        return self.change.verdict(work)

    def _stages(self, work: ChangeWork) -> Iterator[Stage[ChangeWork]]:
        """Yield the stages that need no approval, then look again: they may have mended what the
        others were for, or may not have been enough."""
        while harmless := tuple(takewhile(_harmless, self._left(work))):
            yield from harmless
            plan = self.change.plan(self.run_id)
            if plan.digest() != work.plan.digest():
                self._log.planned(plan)
            work.plan = plan
        yield from self._left(work)

    def _left(self, work: ChangeWork) -> Sequence[Stage[ChangeWork]]:
        return [s for s in self.change.stages(work.plan) if s.name not in work.facts]

    def _planned(self) -> ChangePlan:
        self._log.started(StepName.PREFLIGHT, Intent("look at everything"))
        try:
            plan = self.change.plan(self.run_id)
        except TsbotError as error:
            self._log.failed(error)
            raise
        self._log.finished(Outcome(plan.title, checks=plan.checks))
        self._log.planned(plan)
        return plan

    def _pass_gate(self, work: ChangeWork) -> None:
        keeping = GateKeeping(
            self.gate,
            self.requester,
            self._log,
            lambda plan: self.change.plan(plan.run_id),
            lambda old, new: Drift(_drift(old, new)),
            lambda plan, sentence: replace(plan, warnings=(*plan.warnings, sentence)),
        )
        work.plan = keeping.passed(work.plan)
        work.relock()  # the server may have been restarted during the wait

    def _taken_back(self, sentence: str) -> str:
        """Undo what was begun, and say beside the error what is true now."""
        walk, sentence = self._walk, ended(sentence)
        if walk is None or not walk.begun:
            return f"{sentence} {ended(self._rest)}"
        walk.undo()
        if walk.left:
            why = "; ".join(dict.fromkeys(walk.left.values()))
            return f"{sentence} Not everything could be undone: {ended(why)}"
        stays = [SPECS[s.name].title for s in walk.begun if s.lasting and s.name in walk.work.facts]
        if stays:
            return f"{sentence} This was done before and stays: {', '.join(stays)}."
        return f"{sentence} What was begun was undone."


def _harmless(stage: Stage[ChangeWork]) -> bool:
    """Whether it may go before the approval; the checklist judges the whole, and comes last."""
    return not SPECS[stage.name].destructive and stage.name is not StepName.CHECKLIST


def _drift(old: ChangePlan, new: ChangePlan) -> str:
    """Name what changed between approval and action."""
    keys = sorted({*old.subject, *new.subject})
    changed = [key for key in keys if old.subject.get(key) != new.subject.get(key)]
    if {a.id for a in old.applications} != {a.id for a in new.applications}:
        changed.append("the running applications")
    if old.container.id != new.container.id or old.system_identifier != new.system_identifier:
        changed.append("the server")
    return f"{' and '.join(changed) or 'the plan'} changed after the request"
