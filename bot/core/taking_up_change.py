"""Changes that are no restore, taken up again after their process died."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeRun, ChangeWork
from bot.core.errors import Refused, StepFailed
from bot.core.lease import Lease
from bot.core.past import Past
from bot.core.survey import has_turned
from bot.core.walk import Walk


@dataclass
class _TakenUp(ChangeRun):
    """A change with a past.

    Args:
        past: what it had done.
    """

    past: Past = field(kw_only=True)

    @property
    def _rest(self) -> str:
        return f"What the run had left is there still; see: tsbot runs show {self.run_id}"

    def _take_up(self, lease: Lease) -> Walk[ChangeWork]:
        plan = self.past.plan
        assert isinstance(plan, ChangePlan), "a change has a change's plan"  # noqa: S101
        work = self._work_on(plan, lease)
        work.facts.update(self.past.facts)
        work.intents.update(self.past.intents)
        live = work.cluster.find_database(plan.target.database)
        work.found_turned = has_turned(self.past, live)
        self._walk = walk = Walk(self._log, work, lambda: self._pass_gate(work))
        named = {stage.name: stage for stage in self.change.stages(plan)}
        walk.begun = [named[name] for name in self.past.begun if name in named]
        return walk


@dataclass
class ResumedChange(_TakenUp):
    """Goes on from where the log and the probes say that the run was, if it was approved."""

    def _run(self, lease: Lease) -> Ending:
        walk = self._take_up(lease)
        plan = walk.work.plan
        if self.past.approved != plan.digest():
            raise StepFailed("what was approved has changed while nobody was at work on it")
        walk.approved = True
        walk.adopt(self.past.cut_off)
        walk.through(self.change.stages(plan))
        return self._ending(walk)


@dataclass
class UndoneChange(_TakenUp):
    """Takes back what the run had begun, which is possible until the databases change places."""

    def _run(self, lease: Lease) -> Ending:
        walk = self._take_up(lease)
        if walk.work.turned:
            raise Refused("too_late", "The databases have changed places already; resume it.")
        told = self._taken_back("It was taken back on request, after tsbot had died.")
        return ("failed" if walk.left else "cancelled"), told
