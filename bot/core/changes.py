"""From a plan that was approved, or waits to be, back to the kind of change that made it."""

from __future__ import annotations

from bot.core.bench import Bench
from bot.core.change_plan import ChangePlan
from bot.core.change_run import Change
from bot.core.drop_kept import CLEAN_UP, DropKept
from bot.core.plan import Plan
from bot.core.ports import AuditLog
from bot.core.repair import REPAIR, Repair
from bot.core.rollback import ROLLBACK, RUN, RollBack
from bot.core.steps.swap_back import KEPT_OID

_TAKEN_UP = frozenset({ROLLBACK, CLEAN_UP, REPAIR})


def can_be_taken_up(plan: Plan | ChangePlan) -> bool:
    """Whether a run with such a plan can be gone on with, or taken back, after its process died."""
    return isinstance(plan, Plan) or plan.operation in _TAKEN_UP


def change_of(plan: ChangePlan, bench: Bench, log: AuditLog) -> Change | None:
    """Return what makes such plans, None where it cannot be made again."""
    if plan.operation == ROLLBACK:
        return RollBack(bench, log, plan.subject[RUN], plan.reason)
    if plan.operation == CLEAN_UP:
        return DropKept(bench, log, int(plan.subject[KEPT_OID]), plan.reason)
    if plan.operation == REPAIR:
        return Repair(bench, log)
    return None
