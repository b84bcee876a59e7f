"""What a run had done when its process died, read from the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.core import events as ev
from bot.core.change_plan import ChangePlan
from bot.core.models import Decision, Facts
from bot.core.plan import COPY, SPECS, TURNING, Plan, StepName


@dataclass(frozen=True, slots=True)
class Past:
    """A run's steps so far.

    Args:
        plan: the newest plan that was logged.
        begun: the steps that were begun and not taken back, in order, preflight left out.
        facts: what those that ended well have left.
        intents: what was written down before each that was begun.
        approved: the digest that was approved last, empty for none.
        broken: the step that failed or whose taking back had begun, and nothing was gone on with
            since, so that there is nothing to go on with; empty for none.
    """

    plan: Plan | ChangePlan
    begun: tuple[StepName, ...] = ()
    facts: Mapping[StepName, Facts] = field(default_factory=dict)
    intents: Mapping[StepName, Facts] = field(default_factory=dict)
    approved: str = ""
    broken: str = ""

    @property
    def turned(self) -> bool:
        """Whether the log says that the databases have changed places."""
        return not TURNING.isdisjoint(self.facts)

    @property
    def destructive(self) -> bool:
        """Whether a destructive step was begun; then its approval stands."""
        return any(SPECS[name].destructive for name in self.begun)

    @property
    def weighs(self) -> bool:
        """Whether what it left asks for a decision: a change that took nothing away does not."""
        return isinstance(self.plan, Plan) or self.destructive

    @property
    def cut_off(self) -> StepName | None:
        """The step that was begun and has no outcome, None for none."""
        return next((name for name in reversed(self.begun) if name not in self.facts), None)


def past_of(events: Sequence[ev.Event]) -> Past | None:
    """Return what a run had done, None where it came to no plan."""
    plans = [e.plan for e in events if isinstance(e, ev.RunPlanned)]
    if not plans:
        return None
    begun: dict[StepName, None] = {}
    facts: dict[StepName, Facts] = {}
    intents: dict[StepName, Facts] = {}
    broken, anew = "", False
    for event in events:
        if isinstance(event, ev.DecisionTaken):
            anew = event.decision is Decision.RESUME
        elif isinstance(event, ev.StepStarted) and event.step is not StepName.PREFLIGHT:
            broken, anew = "", False
            begun[event.step] = None
            facts.pop(event.step, None)
            intents[event.step] = event.facts
        elif isinstance(event, ev.StepFinished) and event.step in begun:
            facts[event.step] = event.facts
        elif isinstance(event, ev.StepFailed) and TURNING.isdisjoint(facts):
            broken = SPECS[event.step].title
        elif isinstance(event, ev.StepUndone):
            if not (anew and event.step in COPY):  # half a copy goes so that it is made anew
                broken = SPECS[event.step].title
            if event.ok:
                begun.pop(event.step, None)
                facts.pop(event.step, None)
    return Past(plans[-1], tuple(begun), facts, intents, _approved(events), broken)


def _approved(events: Sequence[ev.Event]) -> str:
    ends = [e for e in events if isinstance(e, ev.GateClosed)]
    return ends[-1].digest if ends and ends[-1].outcome == "approved" else ""
