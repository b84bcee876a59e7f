"""How a run's steps come into the log: intent before, outcome after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core import events as ev
from bot.core.change_plan import ChangePlan
from bot.core.errors import StepFailed, TsbotError
from bot.core.journal import Journal
from bot.core.models import Facts
from bot.core.plan import Plan, StepName
from bot.core.ports import Clock
from bot.core.steps.stage import Intent, Outcome


@dataclass
class StepLog:
    """Records one run's steps.

    Args:
        run_id: the run.
        journal: where to.
        clock: time.
    """

    run_id: str
    journal: Journal
    clock: Clock
    _step: StepName = StepName.PREFLIGHT
    _started: datetime | None = None

    def started(self, step: StepName, intent: Intent, *, safe: bool = False) -> None:
        """Write down what a step is about to do.

        Args:
            step: which.
            intent: what.
            safe: whether it makes things safe again and may go on without the log.

        Raises:
            AuditUnavailable: it could not be written and the step is not safe.
        """
        self._step, self._started = step, self.clock.now()
        event = ev.StepStarted(
            run_id=self.run_id,
            at=self._started,
            step=step,
            intent=intent.sentence,
            facts=intent.facts,
        )
        (self.journal.record_safe if safe else self.journal.record)(event)

    def finished(self, outcome: Outcome) -> None:
        """Write down what the step did; it has happened, so the run goes on without the log."""
        now = self.clock.now()
        if outcome.checks:
            self.journal.record_safe(
                ev.ChecksMade(run_id=self.run_id, at=now, step=self._step, checks=outcome.checks)
            )
        self.journal.record_safe(
            ev.StepFinished(
                run_id=self.run_id,
                at=now,
                step=self._step,
                summary=outcome.summary,
                seconds=self._seconds(now),
                facts=outcome.facts,
                tail=outcome.tail,
            )
        )

    def found(self, step: StepName, outcome: Outcome) -> None:
        """Write down that a step, in which an earlier process died, turned out to be done."""
        self._step, self._started = step, None
        self.finished(replace(outcome, summary=f"found done: {outcome.summary}"))

    def failed(self, error: TsbotError, facts: Facts | None = None) -> None:
        """Write down that the step failed, how, and what it had done for good by then."""
        now = self.clock.now()
        self.journal.record_safe(
            ev.StepFailed(
                run_id=self.run_id,
                at=now,
                step=self._step,
                sentence=str(error),
                seconds=self._seconds(now),
                tail=error.tail if isinstance(error, StepFailed) else "",
                facts=facts or {},
            )
        )

    def undone(self, step: StepName, summary: str, *, ok: bool) -> None:
        """Write down what was taken back, or could not be."""
        self.journal.record_safe(
            ev.StepUndone(
                run_id=self.run_id, at=self.clock.now(), step=step, summary=summary, ok=ok
            )
        )

    def planned(self, plan: Plan | ChangePlan) -> None:
        """Write down the plan."""
        self.journal.record(
            ev.RunPlanned(run_id=self.run_id, at=self.clock.now(), plan=plan, digest=plan.digest())
        )

    def progressed(self, share: float, note: str) -> None:
        """Show how far the step is."""
        self.journal.show(
            ev.StepProgressed(
                run_id=self.run_id, at=self.clock.now(), step=self._step, done=share, note=note
            )
        )

    def printed(self, lines: tuple[str, ...]) -> None:
        """Show lines that the step's program printed."""
        self.journal.show(
            ev.OutputArrived(run_id=self.run_id, at=self.clock.now(), step=self._step, lines=lines)
        )

    def _seconds(self, now: datetime) -> float:
        return (now - self._started).total_seconds() if self._started else 0.0
