"""Bringing a plan through the gate: what is approved must still be what would happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.core import events as ev
from bot.core.change_plan import ChangePlan
from bot.core.errors import GateNotPassed
from bot.core.gate import Gate
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.step_log import StepLog

MAX_GATES = 3
"""How often a plan may change under its approvers before the run gives up."""

P = TypeVar("P", Plan, ChangePlan)


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed between approval and action.

    Args:
        sentence: names it.
        final: whether no new approval can mend it.
    """

    sentence: str
    final: bool = False


@dataclass
class GateKeeping(Generic[P]):
    """Asks for approval until the approved plan is the one that holds.

    Args:
        gate: where to wait.
        requester: whose own vote does not count.
        log: the run's.
        again: makes the plan anew.
        drift: says what changed, from the approved plan and the new one.
        warned: returns a plan with one more warning.
    """

    gate: Gate
    requester: Person
    log: StepLog
    again: Callable[[P], P]
    drift: Callable[[P, P], Drift]
    warned: Callable[[P, str], P]

    def passed(self, plan: P) -> P:
        """Return the plan that was approved and is still what would happen.

        Raises:
            GateNotPassed: it was not approved, or kept changing.
        """
        for _ in range(MAX_GATES):
            self.gate.approve(plan, self.requester)
            now = self.again(plan)
            if now.digest() == plan.digest():
                return now
            drift = self.drift(plan, now)
            self._void(plan, drift)
            if drift.final:
                raise GateNotPassed("voided", drift.sentence)
            plan = self.warned(now, drift.sentence)
            self.log.planned(plan)
        raise GateNotPassed("voided", "the plan kept changing while it was being approved")

    def _void(self, plan: P, drift: Drift) -> None:
        self.log.journal.record(
            ev.GateClosed(
                run_id=plan.run_id,
                at=self.log.clock.now(),
                outcome="voided",
                sentence=drift.sentence,
                digest=plan.digest(),
            )
        )
