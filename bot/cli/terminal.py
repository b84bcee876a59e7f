"""A run on the terminal: each event as a line."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import TextIO

from bot.core import events as ev
from bot.core.change_plan import ChangePlan
from bot.core.models import Check, Verdict
from bot.core.plan import SPECS, Plan
from bot.core.redaction import safe_text
from bot.core.wording import size

SIGNS = {Verdict.OK: "ok", Verdict.WARNING: "!!", Verdict.FAILED: "NO", Verdict.UNKNOWN: "??"}


@dataclass
class TerminalPresenter:
    """Implements the port Presenter for `tsbot restore`.

    Args:
        out: where to.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)

    def show(self, event: ev.Event) -> None:
        """Print what is worth a line."""
        self._print(event)

    @singledispatchmethod
    def _print(self, event: ev.Event) -> None:
        """Events without a line of their own."""

    @_print.register
    def _(self, event: ev.RunPlanned) -> None:
        for line in plan_lines(event.plan):
            self._line(line)

    @_print.register
    def _(self, event: ev.StepStarted) -> None:
        spec = SPECS[event.step]
        number = f"step {spec.number}" if spec.number else "      "
        self._line(f"{event.at:%H:%M:%S} {number:<8} {spec.title}: {event.intent}")

    @_print.register
    def _(self, event: ev.OutputArrived) -> None:
        for line in event.lines:
            self._line(f"                  | {line}")

    @_print.register
    def _(self, event: ev.ChecksMade) -> None:
        for check in event.checks:
            self._line("                  " + check_line(check))

    @_print.register
    def _(self, event: ev.StepFinished) -> None:
        self._line(f"                  done in {event.seconds:.1f} s: {event.summary}")

    @_print.register
    def _(self, event: ev.StepFailed) -> None:
        self._line(f"                  FAILED after {event.seconds:.1f} s: {event.sentence}")
        for line in event.tail.splitlines():
            self._line(f"                  | {line}")

    @_print.register
    def _(self, event: ev.StepUndone) -> None:
        word = "undone" if event.ok else "COULD NOT BE UNDONE"
        self._line(f"                  {word}: {SPECS[event.step].title}: {event.summary}")

    @_print.register
    def _(self, event: ev.HeadPosted) -> None:
        self._line(f"                  log head: entry {event.entry} {event.hash}")

    @_print.register
    def _(self, event: ev.HeadNotWitnessed) -> None:
        told = f"the second witness did not take entry {event.entry} yet: {event.sentence}"
        self._line(f"                  {told}")

    @_print.register
    def _(self, event: ev.RunFinished) -> None:
        self._line(f"{event.outcome.upper()} in {event.seconds:.1f} s: {event.sentence}")

    def _line(self, text: str) -> None:
        print(safe_text(text).replace("\n", " "), file=self.out, flush=True)


def check_line(check: Check) -> str:
    """Return a check as one line; the remedy stands where it did not pass."""
    remedy = f" -> {check.remedy}" if check.remedy and check.verdict is not Verdict.OK else ""
    return f"[{SIGNS[check.verdict]}] {check.name}: {check.evidence}{remedy}"


def plan_lines(plan: Plan | ChangePlan) -> list[str]:
    """Return the plan as people read it before they say yes."""
    head = f"Plan of run {plan.run_id}, digest {plan.digest()[:16]}"
    place = (
        f"  target    {plan.target.name}: database {plan.target.database} on {plan.container.name}"
    )
    stops = f"  stops     {', '.join(a.name for a in plan.applications) or 'no application'}"
    told = _restore_lines(plan) if isinstance(plan, Plan) else _change_lines(plan)
    warnings = (f"  warning   {what}" for what in plan.warnings)
    first = _dropped(plan) if isinstance(plan, Plan) else []
    return [*first, head, place, *told, stops, *warnings, "  steps", *_step_lines(plan)]


def _step_lines(plan: Plan | ChangePlan) -> list[str]:
    return [
        f"    {spec.number or '-':>2} {spec.title}{'   DESTRUCTIVE' if spec.destructive else ''}"
        for spec in plan.steps
    ]


def _change_lines(plan: ChangePlan) -> list[str]:
    return [
        f"  what      {plan.title}",
        f"  lost      {plan.loss}",
        *(f"            {line}" for line in plan.lines),
    ]


def _dropped(plan: Plan) -> list[str]:
    """Say before all else that nothing will be kept."""
    if plan.live is None or plan.replaced is not None:
        return []
    return ["drop-first: the old database is DROPPED for good, before the restore"]


def _restore_lines(plan: Plan) -> list[str]:
    backup = plan.backup
    taken = f"{backup.taken_at:%Y-%m-%d %H:%M UTC}" if backup.taken_at else "an unknown time"
    newest = f"{plan.loss.newest_row:%Y-%m-%d %H:%M:%S UTC}" if plan.loss.newest_row else "unknown"
    return [
        f"  backup    {backup.file.name}, {size(backup.file.size)}, taken {taken}",
        f"            TimescaleDB {plan.timescaledb or '-'}, "
        f"PostgreSQL {backup.postgres_version}, sha256 {backup.sha256[:16]}",
        *(f"  holds     {line}" for line in plan.contents),
        f"  lost      everything written after {taken}; newest row now: {newest}",
        *([f"  asked     before anything is done: {plan.early_gate}"] if plan.early_gate else []),
        *(f"  retention {what}" for what in plan.retention),
        *(f"  copy      {line}" for line in (plan.evidence.lines if plan.evidence else ())),
    ]
