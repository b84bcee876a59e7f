"""The steps of a restore as they are carried out, in the plan's order."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.plan import Plan, StepName, order_of
from bot.core.steps import (
    applications,
    cut_over,
    database,
    finish,
    pg_restore,
    server,
    update,
    verify,
)
from bot.core.steps.stage import Stage, Work

STAGES: Mapping[StepName, Stage[Work]] = {
    stage.name: stage
    for stage in (
        applications.STOP,
        database.DROP,
        database.CREATE,
        database.EXTENSIONS,
        database.PRE_RESTORE,
        pg_restore.RESTORE,
        finish.RESTORING_OFF,
        finish.ANALYZE,
        update.UPDATE,
        cut_over.CUT_OVER,
        server.RESTART,
        applications.START,
        server.WORKERS,
        verify.JOBS,
        verify.CHECKLIST,
    )
}


def stages(plan: Plan) -> tuple[Stage[Work], ...]:
    """Return what follows preflight, in the order of the plan's strategy."""
    return tuple(STAGES[name] for name in order_of(plan.target))
