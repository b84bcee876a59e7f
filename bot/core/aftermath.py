"""What a run that could not clean up after itself has left, and what a person types to clear it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bot.core import events as ev
from bot.core.by_hand import chores
from bot.core.plan import Plan, StepName

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


def left_behind(
    plan: Plan,
    left: Collection[StepName],
    *,
    turned: bool | None = False,
    paused: Sequence[int] = (),
) -> str:
    """Say what is true of the live database now, and what somebody has to do, in what order.

    Args:
        plan: of the run.
        left: its steps that still stand.
        turned: whether the databases have changed places, None where that has to be looked up.
        paused: jobs that the run has paused, retention left out.
    """
    todo = chores(plan, left, turned=turned, paused=paused)
    steps = " ".join(f"({n}) {c.what}: {c.command};" for n, c in enumerate(todo, 1)).rstrip(";")
    by_hand = f" By hand, in this order: {steps}." if steps else ""
    return f"{_live(plan, left, turned=turned)}{by_hand} {_README}"


def _live(plan: Plan, left: Collection[StepName], *, turned: bool | None) -> str:
    name = plan.target.database
    if turned:
        kept = f", the old one is kept as {plan.set_aside}" if plan.replaced else ""
        return f"{name} is the restored database{kept}; its jobs may still be paused."
    if turned is None:
        return f"Whether {name} is the old or the restored database has to be looked up first."
    if plan.live is None:
        return f"{name} does not exist, as before."
    if StepName.DROP_DATABASE in left:
        return f"{name} was dropped, or is about to be: look it up first."
    return f"The live database {name} was not changed."
