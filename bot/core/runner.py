"""Walks a restore from preflight to checklist: writes before it does, stops at the gate, undoes.

Whatever happens, the run ends with one `RunFinished`, and applications that it stopped run again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.core import events as ev
from bot.core.aftermath import left_behind
from bot.core.errors import (
    DatabaseRefused,
    EngineRefused,
    GateNotPassed,
    PreflightFailed,
    Refused,
    RunCancelled,
    TsbotError,
    Unavailable,
)
from bot.core.gate import Gate
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.models import Person
from bot.core.pipeline import stages
from bot.core.plan import SPECS, Plan, StepName
from bot.core.ports import Clock
from bot.core.prepare import Preflight, Prepared, RestoreRequest
from bot.core.step_log import StepLog
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.unreachable import explained
from bot.core.wording import counted, ended

logger = logging.getLogger(__name__)

_MAX_GATES = 3
"""How often a plan may change under its approvers before the run gives up."""


@dataclass
class RestoreRun:
    """One restore.

    Args:
        run_id: its id.
        request: what was asked for.
        requester: by whom.
        preflight: makes the plan, with the target's engine and server.
        gate: where it waits for approval.
        journal: its log.
        clock: time.
        cancelled: whether somebody asked to stop.
        rearm_retention: whether retention may run again without asking.
    """

    run_id: str
    request: RestoreRequest
    requester: Person
    preflight: Preflight
    gate: Gate
    journal: Journal
    clock: Clock
    cancelled: Callable[[], bool]
    rearm_retention: bool = False
    _log: StepLog = field(init=False)
    _begun: list[Stage] = field(default_factory=list, init=False)
    _work: Work | None = field(default=None, init=False)
    _approved: bool = field(default=False, init=False)
    _late: list[str] = field(default_factory=list, init=False)
    _left: dict[StepName, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._log = StepLog(self.run_id, self.journal, self.clock)

    def execute(self) -> ev.RunFinished:
        """Run to the end and return how it ended; raises nothing that a restore may run into."""
        started = self.clock.now()
        outcome = sentence = ""
        try:
            at = self.preflight
            with explained(at.target, at.host), Lease(at.target, at.cluster) as lease:
                outcome, sentence = self._guarded(lease)
        except (Refused, Unavailable, DatabaseRefused, EngineRefused) as error:
            if not outcome:  # else the run has ended, and only the lock was not given back
                outcome, sentence = "refused", f"{ended(str(error))} Nothing was changed."
        except Exception as error:  # the channel must hear of the end, whatever broke
            logger.exception("the lock of run %s broke", self.run_id)
            if not outcome:
                outcome, sentence = "failed", f"internal error: {error!r}. Nothing was changed."
        finished = ev.RunFinished(
            run_id=self.run_id,
            at=self.clock.now(),
            outcome=outcome,
            sentence=sentence,
            seconds=(self.clock.now() - started).total_seconds(),
            requester=self.requester,
        )
        self.journal.record_safe(finished)
        return finished

    def _guarded(self, lease: Lease) -> tuple[str, str]:
        """Run under the lease; undo before it is given back."""
        try:
            return self._run(lease)
        except TsbotError as error:
            self._undo()
            return _outcome_of(error), self._explain(str(error))
        except Exception as error:
            logger.exception("run %s broke off", self.run_id)
            self._undo()
            return "failed", self._explain(f"internal error: {error!r}")

    def _run(self, lease: Lease) -> tuple[str, str]:
        prepared = self._prepare()
        self._log.planned(prepared.plan)
        if self.request.dry_run:
            return "dry run", "Nothing was changed; this is what a restore would do."
        self._work = work = self._work_on(prepared, lease)
        for stage in stages(work.plan):
            self._step_or_go_on(stage, work)
        return self._verdict(work)

    def _step_or_go_on(self, stage: Stage, work: Work) -> None:
        """After the cut-over a failure stops nothing: applications and jobs must come back."""
        try:
            self._step(stage, work)
        except TsbotError as error:
            if StepName.CUT_OVER not in work.facts:
                raise
            self._late.append(f"{SPECS[stage.name].title}: {error}")

    def _prepare(self) -> Prepared:
        self._log.started(StepName.PREFLIGHT, Intent(f"check everything for {self.request.backup}"))
        try:
            prepared = self.preflight.prepare(
                self.request, self.run_id, lambda note: self._log.progressed(0, note)
            )
        except TsbotError as error:
            self._log.failed(error)
            raise
        file = prepared.plan.backup.file
        summary = f"{file.name} read in full, {counted(len(prepared.checks), 'check')}"
        self._log.finished(Outcome(summary, checks=prepared.checks))
        return prepared

    def _work_on(self, prepared: Prepared, lease: Lease) -> Work:
        return Work(
            prepared.plan,
            prepared.toc,
            prepared.manifest,
            self.preflight.host,
            self.preflight.cluster,
            self.clock,
            progress=self._log.progressed,
            output=self._log.printed,
            cancelled=self.cancelled,
            relock=lease.renew,
            rearm_retention=self.rearm_retention,
        )

    def _step(self, stage: Stage, work: Work) -> None:
        self._stop_if_cancelled(stage)
        if SPECS[stage.name].destructive and not self._approved:
            work.plan = self._pass_gate(work.plan)
            work.relock()  # the server may have been restarted during the wait
            self._stop_if_cancelled(stage)  # hashing the dump again may have taken minutes
        self._log.started(stage.name, stage.intent(work), safe=stage.safe)
        self._begun.append(stage)
        try:
            outcome = stage.act(work)
        except TsbotError as error:
            self._log.failed(error)
            raise
        work.facts[stage.name] = outcome.facts
        self._log.finished(outcome)

    def _stop_if_cancelled(self, stage: Stage) -> None:
        """Cancelling is safe until the databases have changed places, and pointless afterwards."""
        after = any(s.name is StepName.CUT_OVER for s in self._begun)
        if self.cancelled() and not after:
            raise RunCancelled(f"cancelled before: {SPECS[stage.name].title}")

    def _pass_gate(self, plan: Plan) -> Plan:
        """Return the plan that was approved and is still what would happen."""
        for _ in range(_MAX_GATES):
            self.gate.approve(plan, self.requester)
            now = self.preflight.again(plan)
            if now.digest() == plan.digest():
                self._approved = True
                return replace(plan, backup=now.backup)
            self.journal.record(
                ev.GateClosed(
                    run_id=self.run_id,
                    at=self.clock.now(),
                    outcome="voided",
                    sentence=_drift(plan, now),
                    digest=plan.digest(),
                )
            )
            if now.backup.sha256 != plan.backup.sha256:
                raise GateNotPassed("voided", _drift(plan, now))
            plan = replace(now, warnings=(*plan.warnings, _drift(plan, now)))
            self._log.planned(plan)
        raise GateNotPassed("voided", "the plan kept changing while it was being approved")

    def _undo(self) -> None:
        """Take back what was begun, the latest first; one failure never hides the rest."""
        work = self._work
        if work is None:
            return
        for stage in reversed(self._begun):
            try:
                summary, ok = stage.undo(work), True
            except TsbotError as error:
                summary, ok = str(error), False
            except Exception as error:
                logger.exception("undo of %s broke off", stage.name)
                summary, ok = f"internal error: {error!r}", False
            if not ok:
                self._left[stage.name] = summary.rstrip(".")
            if summary:
                self._log.undone(stage.name, summary, ok=ok)

    def _explain(self, sentence: str) -> str:
        """Say beside the error what is true now."""
        sentence = ended(sentence)
        work = self._work
        if work is None or not self._begun:
            return f"{sentence} Nothing was changed."
        if self._left:
            why = "; ".join(dict.fromkeys(self._left.values()))
            told = self._left.keys() - {StepName.STOP_APPLICATIONS}  # named one by one in why
            left = left_behind(work.plan, told, cut_over=StepName.CUT_OVER in work.facts)
            return f"{sentence} Not everything could be undone: {ended(why)} {left}"
        if StepName.CUT_OVER not in work.facts:
            return f"{sentence} What was begun was undone; the live database was not changed."
        return f"{sentence} The restored database serves.{_remains(work)}"

    def _verdict(self, work: Work) -> tuple[str, str]:
        name, rest = work.plan.target.database, _remains(work)
        if self._late:
            return "failed", f"{name} is restored and serves, but: {'; '.join(self._late)}.{rest}"
        if work.facts.get(StepName.CHECKLIST, {}).get("green"):
            return "succeeded", f"{name} is restored, all points green.{rest}"
        return "unverified", f"{name} is restored, but not every point is green.{rest}"


def _remains(work: Work) -> str:
    """Say what somebody still has to know or do after the cut-over."""
    kept = f" The old database is kept as {work.plan.set_aside}." if work.plan.live else ""
    if StepName.JOBS not in work.facts:
        paused = work.learned(StepName.RESTORING_OFF, "paused")
        return kept + (f" Jobs still paused: {', '.join(map(str, paused))}." if paused else "")
    waiting = work.learned(StepName.JOBS, "waiting")
    held = f" Retention waits for an approver: {', '.join(map(str, waiting))}."
    return kept + (held if waiting else "")


def _outcome_of(error: TsbotError) -> str:
    if isinstance(error, GateNotPassed):
        return "cancelled" if error.reason == "cancelled" else "not approved"
    if isinstance(error, RunCancelled):
        return "cancelled"
    return "refused" if isinstance(error, PreflightFailed | Refused) else "failed"


def _drift(old: Plan, new: Plan) -> str:
    """Name what changed between approval and action."""
    changes = (
        (
            "the dump",
            (old.backup.file.size, old.backup.sha256),
            (new.backup.file.size, new.backup.sha256),
        ),
        ("the live database", old.live and old.live.oid, new.live and new.live.oid),
        ("the container", old.container.id, new.container.id),
        ("the server", old.system_identifier, new.system_identifier),
        ("the running applications", _ids(old), _ids(new)),
    )
    changed = [what for what, before, after in changes if before != after]
    return f"{' and '.join(changed) or 'the plan'} changed after the request"


def _ids(plan: Plan) -> frozenset[str]:
    return frozenset(a.id for a in plan.applications)
