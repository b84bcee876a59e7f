"""Runs whose process died, taken up again: gone on with, or taken back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.core.backups import with_cron
from bot.core.carrying_out import Ending
from bot.core.errors import Refused, StepFailed, TsbotError
from bot.core.lease import Lease
from bot.core.manifest import NO_MANIFEST, Manifest
from bot.core.past import Past
from bot.core.pipeline import stages
from bot.core.plan import COPY, Plan, StepName
from bot.core.prepare import Prepared
from bot.core.runner import RestoreRun, not_taken_back
from bot.core.steps.stage import Work
from bot.core.survey import has_turned
from bot.core.toc import NO_TOC, Toc
from bot.core.walk import Walk

_GONE = "the dump is gone, or is another one now, so that"
_CRON_UNKNOWN = f"{_GONE} pg_cron's jobs, if it holds any, are not restored"
_CRON_KNOWN = f"{_GONE} what pg_cron's jobs ran before, if it holds any, is not restored"


@dataclass
class _TakenUp(RestoreRun):
    """A restore with a past.

    Args:
        past: what it had done.
    """

    past: Past = field(kw_only=True)

    @property
    def _plan(self) -> Plan:
        assert isinstance(self.past.plan, Plan), "a restore has a restore's plan"  # noqa: S101
        return self.past.plan

    @property
    def _rest(self) -> str:
        return f"What the run had left is there still; see: tsbot runs show {self.run_id}"

    def _take_up(self, lease: Lease) -> Walk[Work]:
        """Return the walk as it was, by the log and by what is there."""
        past, plan = self.past, self._plan
        work = self._work_on(Prepared(plan, NO_TOC, NO_MANIFEST, ()), lease)
        work.facts.update(past.facts)
        work.intents.update(past.intents)
        live = work.cluster.find_database(plan.target.database)
        work.found_turned = has_turned(past, live)
        walk = Walk(self._log, work, self._pass_gate, plan.gate_first)
        named = {stage.name: stage for stage in stages(plan)}
        walk.begun = [named[name] for name in past.begun if name in named]
        self._walk = walk
        return walk


@dataclass
class ResumedRestore(_TakenUp):
    """Goes on from where the log and the probes say that the run was.

    Half a copy is worth nothing: where pg_restore did not end well, it is ended if it lives on,
    the copy is dropped and made anew. An approval stands if something destructive was begun under
    it and nothing of the plan has changed; else the gate comes again.
    """

    def _run(self, lease: Lease) -> Ending:
        walk = self._take_up(lease)
        work = walk.work
        plan = work.plan if work.turned else self._from_the_same_dump(work.plan)
        work.toc, work.manifest = self._read(work)
        if work.toc is NO_TOC and StepName.JOBS not in work.facts:
            walk.late.append(_CRON_KNOWN if StepName.CUT_OVER in work.facts else _CRON_UNKNOWN)
        if work.turned or self.past.destructive:
            self._require_approved(work, plan)
            walk.approved = True
        else:
            work.plan = plan
        if not work.turned and StepName.PG_RESTORE not in work.facts:
            self._clear(walk)
        walk.adopt(self.past.cut_off)
        walk.through(stages(work.plan))
        return self._verdict(walk)

    def _from_the_same_dump(self, plan: Plan) -> Plan:
        """Return the plan as it would be now.

        Raises:
            StepFailed: the file holds other bytes; nothing of them was looked at before.
        """
        now = self._again(plan)
        if now.backup.sha256 != plan.backup.sha256:
            raise StepFailed(
                f"{plan.backup.file.name} is another dump than the one this run was about; ask "
                "again"
            )
        return now

    def _read(self, work: Work) -> tuple[Toc, Manifest]:
        """Read the dump once more, as much of it as is needed from here on.

        Once the databases have changed places applications and jobs must come back without it.
        """
        path = work.plan.backup.file.path
        if work.turned and not self._is_unchanged(work):
            return NO_TOC, NO_MANIFEST
        try:
            toc = work.dump.toc(path)
            if StepName.ANALYZE in work.facts:
                manifest = work.dump.catalog(path)
            else:
                manifest = work.dump.read(path, count_rows=work.target.count_rows)
            return toc, with_cron(manifest, toc, work.dump, path)
        except TsbotError:
            if work.turned:
                return NO_TOC, NO_MANIFEST
            raise

    def _is_unchanged(self, work: Work) -> bool:
        """Whether the dump is there still and was not touched; applications wait for no hash."""
        backup = work.plan.backup
        try:
            file = self.bench.backups.find(backup.file.name)
            return self.bench.backups.look(file, work.dump).stamp == backup.stamp
        except TsbotError:  # nor can it be read, then
            return False

    def _require_approved(self, work: Work, now: Plan) -> None:
        """Raise StepFailed where what was approved is not what is there."""
        if work.turned:
            return
        plan = work.plan
        gone = StepName.DROP_DATABASE in self.past.begun and now.live is None
        same = replace(now, applications=plan.applications, live=plan.live if gone else now.live)
        if self.past.approved != same.digest():
            raise StepFailed("what was approved has changed while nobody was at work on it")

    def _clear(self, walk: Walk[Work]) -> None:
        copied = [stage for stage in walk.begun if stage.name in COPY]
        walk.undo(copied)
        if not walk.left.keys().isdisjoint(COPY):
            raise StepFailed("what is left of the copy could not be removed")
        walk.begun = [stage for stage in walk.begun if stage not in copied]
        for name in COPY:
            walk.work.facts.pop(name, None)
            walk.work.intents.pop(name, None)
        walk.work.plan = replace(walk.work.plan, evidence=None)


@dataclass
class UndoneRestore(_TakenUp):
    """Takes back what the run had begun, which is possible until the databases change places."""

    def _run(self, lease: Lease) -> Ending:
        walk = self._take_up(lease)
        if walk.work.turned:
            name = self._plan.target.database
            raise Refused("too_late", f"{name} is the restored database already; use /rollback.")
        walk.undo()
        told = "It was taken back on request, after tsbot had died."
        return ("failed" if not_taken_back(walk) else "cancelled"), self._explain(told)

    def _guarded(self, lease: Lease) -> Ending:
        try:
            return self._run(lease)
        except TsbotError as error:  # nothing was tried: what was there is there still
            return "failed", self._explain(str(error))
