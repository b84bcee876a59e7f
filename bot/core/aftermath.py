"""What a run that could not clean up after itself has left, and what a person types to clear it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.core import events as ev
from bot.core.plan import Plan, StepName

_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
_README = "See “A run was interrupted” in the README."

_SETTLES = {
    StepName.PG_RESTORE: StepName.PG_RESTORE,
    StepName.START_APPLICATIONS: StepName.STOP_APPLICATIONS,
}
"""After the one has ended well, the other has left nothing to be done."""


def standing(events: Iterable[ev.Event]) -> frozenset[StepName]:
    """Return the steps that were begun and have not been taken back, preflight left out.

    A pg_restore that ended and applications that were started again are no longer among them.
    """
    left: set[StepName] = set()
    for event in events:
        if isinstance(event, ev.StepStarted) and event.step is not StepName.PREFLIGHT:
            left.add(event.step)
        elif isinstance(event, ev.StepUndone) and event.ok:
            left.discard(event.step)
        elif isinstance(event, ev.StepFinished) and event.step in _SETTLES:
            left.discard(_SETTLES[event.step])
    return frozenset(left)


def left_behind(plan: Plan, left: Collection[StepName], *, cut_over: bool = False) -> str:
    """Say what is true of the live database now, and what somebody has to do, in what order.

    Args:
        plan: of the run.
        left: its steps that still stand.
        cut_over: whether the databases are known to have changed places.
    """
    todo = tuple(_todo(plan, left, cut_over=cut_over))
    steps = " ".join(f"({n}) {what};" for n, what in enumerate(todo, 1)).rstrip(";")
    by_hand = f" By hand, in this order: {steps}." if todo else ""
    return f"{_live(plan, left, cut_over=cut_over)}{by_hand} {_README}"


def _live(plan: Plan, left: Collection[StepName], *, cut_over: bool) -> str:
    name = plan.target.database
    if cut_over:
        kept = f", the old one is kept as {plan.set_aside}" if plan.replaced else ""
        return f"{name} is the restored database{kept}; its jobs may still be paused."
    if StepName.CUT_OVER in left:
        return f"Whether {name} is the old or the restored database has to be looked up first."
    if plan.live is None:
        return f"{name} does not exist, as before."
    if StepName.DROP_DATABASE in left:
        return f"{name} was dropped, or is about to be: look it up first."
    return f"The live database {name} was not changed."


def _todo(plan: Plan, left: Collection[StepName], *, cut_over: bool) -> Iterator[str]:
    """Yield what to do, the applications first wherever the old database still serves."""
    before = StepName.CUT_OVER not in left and not cut_over
    down = " ".join(a.name for a in plan.applications)
    start = f"the applications may be DOWN: docker start {down}"
    is_down = bool(down) and StepName.STOP_APPLICATIONS in left
    if is_down and before:
        yield start
    if StepName.PG_RESTORE in left:
        yield f"end pg_restore: {_SESSIONS}'tsbot-restore-{plan.run_id}'"
    if StepName.CREATE_DATABASE in left and before:
        side = plan.side.replace('"', '""')
        yield f'remove the half-restored one: DROP DATABASE IF EXISTS "{side}" WITH (FORCE)'
    if not before:
        yield "do what the README says for the names and comments that pg_database shows"
    if is_down and not before:
        yield start
