"""Walks a restore from preflight to checklist: writes before it does, stops at the gate, undoes.

Whatever happens, the run ends with one `RunFinished`, and applications that it stopped run again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.core import events as ev
from bot.core.aftermath import left_behind
from bot.core.bench import Bench
from bot.core.carrying_out import Ending, carry_out, outcome_of
from bot.core.drift import restore_drift
from bot.core.errors import StepFailed, TsbotError
from bot.core.gate import Gate
from bot.core.gate_keeping import GateKeeping
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.models import Person, Strategy
from bot.core.pipeline import stages
from bot.core.plan import SPECS, Evidence, Plan, StepName
from bot.core.ports import Cluster
from bot.core.prepare import Prepared, RestoreRequest
from bot.core.step_log import StepLog
from bot.core.steps.pg_restore import to_repair
from bot.core.steps.stage import Intent, Outcome, Work
from bot.core.walk import Walk
from bot.core.wording import counted, ended

logger = logging.getLogger(__name__)

_REPAIRS_TOLD = 3


@dataclass
class RestoreRun:
    """One restore.

    Args:
        run_id: its id.
        request: what was asked for.
        requester: by whom.
        bench: the target, its engine and its server.
        gate: where it waits for approval.
        journal: its log.
        cancelled: whether somebody asked to stop.
        rearm_retention: whether retention may run again without asking.
    """

    run_id: str
    request: RestoreRequest
    requester: Person
    bench: Bench
    gate: Gate
    journal: Journal
    cancelled: Callable[[], bool]
    rearm_retention: bool = False
    _log: StepLog = field(init=False)
    _walk: Walk[Work] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._log = StepLog(self.run_id, self.journal, self.bench.clock)

    def execute(self) -> ev.RunFinished:
        """Run to the end and return how it ended; raises nothing that a restore may run into."""
        return carry_out(
            self.run_id, self.requester, self.bench, self.journal, self._guarded, self._rest
        )

    @property
    def _rest(self) -> str:
        """What is true where the run came to no step."""
        return "Nothing was changed"

    def _guarded(self, lease: Lease) -> Ending:
        """Run under the lease; undo before it is given back."""
        try:
            return self._run(lease)
        except TsbotError as error:
            self._undo()
            left = not_taken_back(self._walk) if self._walk else ()
            return outcome_of(error, left), self._explain(str(error))
        except Exception as error:
            logger.exception("run %s broke off", self.run_id)
            self._undo()
            return "failed", self._explain(f"internal error: {error!r}")

    def _run(self, lease: Lease) -> Ending:
        prepared = self._prepare()
        self._log.planned(prepared.plan)
        if self.request.dry_run:
            return "dry run", "Nothing was changed; this is what a restore would do."
        work = self._work_on(prepared, lease)
        self._announce(work.plan)
        self._walk = walk = Walk(self._log, work, self._pass_gate, work.plan.gate_first)
        walk.through(stages(work.plan))
        return self._verdict(walk)

    def _prepare(self) -> Prepared:
        self._log.started(StepName.PREFLIGHT, Intent(f"check everything for {self.request.backup}"))
        try:
            prepared = self.bench.preflight.prepare(
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
            self.bench.host,
            self.bench.cluster,
            self.bench.clock,
            self._log.progressed,
            self._log.printed,
            self.cancelled,
            lease.renew,
            prepared.plan,
            prepared.toc,
            prepared.manifest,
            self.rearm_retention,
        )

    def _announce(self, plan: Plan) -> None:
        """Tell approvers at the start that they will be needed, where that is not at once."""
        if plan.target.strategy is Strategy.SWAP and not plan.gate_first:
            self.gate.foresee(plan)

    def _pass_gate(self) -> None:
        """Wait for the approval of the plan, with what the restored copy was found to be."""
        walk = self._walked()
        work = walk.work
        if StepName.ANALYZE in work.facts and work.plan.evidence is None:
            work.plan = replace(work.plan, evidence=_evidence(work))
            self._log.planned(work.plan)
        keeping = GateKeeping(
            self.gate,
            self.requester,
            self._log,
            self._again,
            restore_drift,
            lambda plan, sentence: replace(plan, warnings=(*plan.warnings, sentence)),
        )
        work.plan = keeping.passed(work.plan)
        work.relock()  # the server may have been restarted during the wait

    def _again(self, plan: Plan) -> Plan:
        """Return the plan as it would be now.

        Raises:
            StepFailed: the copy that approvers saw is no longer there.
        """
        if plan.evidence is not None:
            _require(self.bench.cluster, plan.evidence.side_oid)
        return self.bench.preflight.again(plan)

    def _walked(self) -> Walk[Work]:
        assert self._walk is not None, "the gate is asked by the walk"  # noqa: S101
        return self._walk

    def _undo(self) -> None:
        if self._walk is not None:
            self._walk.undo()

    def _explain(self, sentence: str) -> str:
        """Say beside the error what is true now."""
        sentence = ended(sentence)
        walk = self._walk
        if walk is None or not walk.begun:
            return f"{sentence} {ended(self._rest)}"
        work, lost = walk.work, _lost(walk)
        if walk.left:
            why = "; ".join(dict.fromkeys(walk.left.values()))
            told = walk.left.keys() - {StepName.STOP_APPLICATIONS}  # named one by one in why
            told |= {StepName.DROP_DATABASE} if lost else set()
            # where not even that step could be looked at, its renames may have been committed
            turned = None if StepName.CUT_OVER in walk.left and not work.turned else work.turned
            left = left_behind(work.plan, told, turned=turned)
            return f"{sentence} Not everything could be undone: {ended(why)} {left}"
        if lost:
            return f"{sentence} {work.plan.target.database} {lost}"
        if not work.turned:
            return f"{sentence} What was begun was undone; the live database was not changed."
        return f"{sentence} The restored database serves.{_remains(work)}"

    def _verdict(self, walk: Walk[Work]) -> Ending:
        work = walk.work
        name, rest = work.plan.target.database, _remains(work)
        if walk.late:
            return "failed", f"{name} is restored and serves, but: {'; '.join(walk.late)}.{rest}"
        if work.facts.get(StepName.CHECKLIST, {}).get("green"):
            but = ", but not all is well" if to_repair(work) else ""
            return "succeeded", f"{name} is restored, all points green{but}.{rest}"
        return "unverified", f"{name} is restored, but not every point is green.{rest}"


def not_taken_back(walk: Walk[Work]) -> tuple[StepName, ...]:
    """Return the steps that were not taken back, a dropped database's among them."""
    return (*walk.left, *([StepName.DROP_DATABASE] if _lost(walk) else []))


def _lost(walk: Walk[Work]) -> str:
    """Say what became of a live database that was to be dropped, empty where it is still there.

    Whoever died in the middle of dropping it, or never heard the answer, may have dropped it.
    """
    work = walk.work
    begun = {StepName.DROP_DATABASE} & {stage.name for stage in walk.begun}
    if not begun or work.plan.live is None or work.turned:
        return ""
    try:
        if work.cluster.database_by_oid(work.plan.live.oid) is not None:
            return ""
    except TsbotError as error:
        return f"may be GONE, as drop-first says; PostgreSQL cannot be asked: {ended(str(error))}"
    return (
        "was dropped before and is GONE, as drop-first says; restore again, from this dump or an "
        "older one."
    )


def _remains(work: Work) -> str:
    """Say what somebody still has to know or do after the cut-over."""
    kept = f" The old database is kept as {work.plan.set_aside}." if work.plan.replaced else ""
    kept += _by_hand(to_repair(work))
    if StepName.JOBS not in work.facts:
        paused = work.learned(StepName.RESTORING_OFF, "paused")
        return kept + (f" Jobs still paused: {', '.join(map(str, paused))}." if paused else "")
    waiting = work.learned(StepName.JOBS, "waiting")
    held = f" Retention waits for an approver: {', '.join(map(str, waiting))}."
    return kept + (held if waiting else "")


def _by_hand(repairs: tuple[str, ...]) -> str:
    """Say what a person still has to mend; beyond a few, where the rest stands."""
    told = "".join(f" {what[:1].upper()}{ended(what[1:])}" for what in repairs[:_REPAIRS_TOLD])
    more = len(repairs) - _REPAIRS_TOLD
    where = SPECS[StepName.PG_RESTORE].title
    return f"{told} {more} more to be repaired: see “{where}”." if more > 0 else told


def _evidence(work: Work) -> Evidence:
    """Return what approvers vote on.

    Raises:
        StepFailed: the copy that was compared is no longer there.
    """
    oid = work.side_oid() or 0
    _require(work.cluster, oid)
    learned = (
        *work.learned(StepName.UPDATE_EXTENSIONS, "evidence"),
        *work.learned(StepName.ANALYZE, "evidence"),
    )
    return Evidence(oid, tuple(str(line) for line in learned))


def _require(cluster: Cluster, side_oid: int) -> None:
    if cluster.database_by_oid(side_oid) is None:
        raise StepFailed("the restored copy is gone; somebody dropped it")
