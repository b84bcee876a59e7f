"""From the log's words about an interrupted run to the run that goes on with it."""

from __future__ import annotations

from collections.abc import Callable

from bot.core import events as ev
from bot.core.bench import Bench
from bot.core.change_plan import ChangePlan
from bot.core.changes import change_of
from bot.core.errors import Refused
from bot.core.gate import Gate
from bot.core.journal import Journal
from bot.core.models import Decision
from bot.core.past import Past
from bot.core.ports import AuditLog
from bot.core.prepare import RestoreRequest
from bot.core.taking_up import ResumedRestore, UndoneRestore
from bot.core.taking_up_change import ResumedChange, UndoneChange


def taken_up(
    asked: ev.RunRequested,
    past: Past,
    decision: Decision,
    bench: Bench,
    gate: Gate,
    journal: Journal,
    log: AuditLog,
    cancelled: Callable[[], bool],
) -> Callable[[], ev.RunFinished]:
    """Return what goes on with a run, or takes it back.

    Args:
        asked: the request.
        past: what it had done.
        decision: RESUME or UNDO.
        bench: where.
        gate: where it waits for approval, if that is needed again.
        journal: the run's log.
        log: all of the log.
        cancelled: whether somebody asked to stop.

    Raises:
        Refused: this kind of run cannot be taken up.
    """
    resume = decision is Decision.RESUME
    bench = bench.under(past.plan.target.strategy)
    if isinstance(past.plan, ChangePlan):
        change = change_of(past.plan, bench, log)
        if change is None:
            raise Refused(
                "not_taken_up", f"A {past.plan.operation} is asked for anew, not resumed."
            )
        kind = ResumedChange if resume else UndoneChange
        return kind(
            asked.run_id, change, asked.origin.person, bench, gate, journal, cancelled, past=past
        ).execute
    request = RestoreRequest(asked.target, asked.backup)
    run = ResumedRestore if resume else UndoneRestore
    return run(
        asked.run_id, request, asked.origin.person, bench, gate, journal, cancelled, past=past
    ).execute
