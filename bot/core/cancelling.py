"""What cancelling a run would do at this moment, or why it cannot be cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.core.audit import Query
from bot.core.change_plan import ChangePlan
from bot.core.errors import AuditUnavailable, Refused
from bot.core.journal import events_of
from bot.core.plan import TURNING, Plan, StepName
from bot.core.ports import AuditLog
from bot.core.requests import is_run_id
from bot.core.run_view import GateState, RunView, StepState, StepView, fold
from bot.core.runs import Runs

_FINAL = TURNING | {StepName.DROP_KEPT}
"""Steps that are not broken off, and after which nothing is taken back."""

AnyPlan = Plan | ChangePlan

_NAMED = 3  # applications named one by one


def not_at_work(run_id: str, log: AuditLog, runs: Runs) -> Refused:
    """Return what to refuse with where nothing of that id can be cancelled.

    Args:
        run_id: as it was asked for; perhaps no run's id at all.
        log: knows the runs of all times.
        runs: those at work.
    """
    entries = log.entries(Query(run_id=run_id)) if is_run_id(run_id) else ()
    if any(e.draft.action != "command" for e in entries):  # not only attempts to cancel it
        return Refused("run_ended", f"Run {run_id} has ended; there is nothing to cancel.")
    return Refused("unknown_run", f"There is no run “{run_id}”. {_at_work(runs)}")


def _at_work(runs: Runs) -> str:
    found = ", ".join(f"{run.run_id} on {run.target}" for run in runs.at_work())
    return f"At work: {found}." if found else "None is at work now."


def required(run_id: str, log: AuditLog) -> str:
    """Return what cancelling a run at work does now; empty where the log can't be asked.

    Raises:
        Refused: it is too late.
    """
    try:
        entries = log.entries(Query(run_id=run_id))
    except AuditUnavailable:  # a run must be stopped all the same
        return ""
    view: RunView | None = None
    for event in (event for entry in entries for event in events_of(entry)):
        view = fold(view, event)
    if view is None:
        return ""
    if late := too_late(view):
        raise Refused("too_late", f"Run {run_id} cannot be cancelled any more: {late}")
    return effect(view)


def cancelled(run_id: str, effect: str) -> str:
    """Return the answer to whoever has cancelled a run."""
    return f"Run {run_id} stops at its next safe point" + (f": {effect}" if effect else ".")


def too_late(view: RunView) -> str:
    """Return why cancelling does nothing any more, empty where it does something."""
    if view.finished:
        return "it has ended."
    turning = [s for s in view.steps if s.spec.name in _FINAL and _begun(s)]
    if any(s.state is StepState.RUNNING for s in turning):
        return f"“{turning[0].spec.title}” has begun, and is not broken off half-way."
    if any(s.state is StepState.DONE for s in turning):
        return "the databases have changed; the steps that are left make it serve again."
    if any(s.state in {StepState.FAILED, StepState.UNDONE} for s in view.steps):
        return "a step failed, and what was begun is being taken back already."
    return ""


def effect(view: RunView) -> str:
    """Return what cancelling a run does if it is done now, as a sentence that follows a colon.

    Args:
        view: of a run for which `too_late` has nothing to say.
    """
    current = view.current
    if view.operation == "refresh":
        one = "the view at work is finished, those after it are not begun; "
        return f"{one if current else ''}what was refreshed so far stays."
    steps = [s for s in view.steps if _begun(s) and s.spec.name is not StepName.PREFLIGHT]
    if not steps:
        return _harmless(view, current)
    taken_back = [what for step in reversed(steps) for what in _taken_back(step, view.plan)]
    what = ", then ".join(taken_back) or "what was begun is taken back"
    return f"{_when(current)}{what}. {_remains(steps, view.plan)}"


def _begun(step: StepView) -> bool:
    return step.state is not StepState.PENDING


def _harmless(view: RunView, current: StepView | None) -> str:
    if current is not None:
        return "the run ends when preflight is over; nothing was changed."
    if view.gate is not None and view.gate.state is not GateState.CLOSED:
        return "the request is withdrawn at once; nothing was changed."
    return "the run ends before its first step; nothing was changed."


def _when(current: StepView | None) -> str:
    """The safe point: pg_restore is ended wherever it is, other steps are short and finish."""
    if current is None or current.spec.name is StepName.PG_RESTORE:
        return "at once, "
    return f"when “{current.spec.title}” is over, "


def _taken_back(step: StepView, plan: AnyPlan | None) -> Iterator[str]:
    """Yield what the undo of a begun step does, in the words of somebody who waits for it."""
    tell = _UNDONE.get(step.spec.name)
    if tell is not None and plan is not None:
        yield from tell(step, plan)


def _pg_restore(step: StepView, _: AnyPlan) -> Iterator[str]:
    if step.state is StepState.RUNNING:
        yield "pg_restore is ended in the container and in the server"


def _side(_: StepView, plan: AnyPlan) -> Iterator[str]:
    if isinstance(plan, Plan):
        yield f"the restored copy {plan.side} is dropped"


def _applications(_: StepView, plan: AnyPlan) -> Iterator[str]:
    names = [a.name for a in plan.applications]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"the applications that were stopped start again ({', '.join(names[:_NAMED])}{more})"


_UNDONE: dict[StepName, Callable[[StepView, AnyPlan], Iterator[str]]] = {
    StepName.PG_RESTORE: _pg_restore,
    StepName.CREATE_DATABASE: _side,
    StepName.STOP_APPLICATIONS: _applications,
}


def _remains(steps: Sequence[StepView], plan: AnyPlan | None) -> str:
    if not isinstance(plan, Plan):
        return "Nothing else was changed."
    name = plan.target.database
    if any(s.spec.name is StepName.DROP_DATABASE for s in steps):
        return f"The old {name} was dropped before and does NOT come back: none is left."
    if plan.live is None:
        return f"There is no {name}, as before."
    return f"The live database {name} was not changed."
