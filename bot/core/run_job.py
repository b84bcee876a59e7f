"""Running one job now: the scheduler runs it as its owner, and what it did is the proof.

Never run_job(): called by a superuser it would run the owner's code as superuser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.core.bench import Bench
from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeWork
from bot.core.errors import Refused
from bot.core.job_proof import Sighting, has_run, proofs, titled
from bot.core.jobs import Job
from bot.core.manifest import USER_JOBS
from bot.core.models import Check, Verdict
from bot.core.plan import StepName
from bot.core.steps.server import poll
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.wording import counted, ended, shortened
from bot.core.worker_ladder import workers_of

_COUNTED_WITHIN = 3  # seconds until PostgreSQL has counted what a job that has ended wrote
_MOST_LISTED = 12

_ENDINGS = {Verdict.OK: "succeeded", Verdict.WARNING: "unverified", Verdict.FAILED: "failed"}


def pick_job(jobs: Sequence[Job], number: int) -> Job:
    """Return the job of that number.

    Raises:
        Refused: there is none, or nobody would run it; the sentence names those there are.
    """
    ours = [job for job in jobs if job.id >= USER_JOBS]
    job = next((j for j in ours if j.id == number), None)
    if job is None:
        listed = ", ".join(f"{j.id} ({titled(j)})" for j in ours[:_MOST_LISTED]) or "none"
        known = shortened(listed, 600) + (" …" if len(ours) > _MOST_LISTED else "")
        raise Refused("unknown_job", f"There is no job {number} of yours; there is: {known}.")
    if not job.scheduled:
        raise Refused(
            "job_paused",
            f"Job {number} ({titled(job)}) is paused, and the scheduler runs no paused job; "
            "let it be scheduled first.",
        )
    if job.running:
        raise Refused("job_running", f"Job {number} ({titled(job)}) is running now; see /tsstatus.")
    return job


@dataclass
class RunJob:
    """One run of one job, as a change: approved first where it drops data.

    Args:
        bench: where.
        number: the job's id.
    """

    bench: Bench
    number: int
    _seen: Check | None = field(default=None, init=False)

    def plan(self, run_id: str) -> ChangePlan:
        """Return what would be done.

        Raises:
            Refused: there is no such job, it is paused or running, or no scheduler is there.
        """
        bench = self.bench
        target, database = bench.target, bench.cluster.database(bench.target.database)
        # once it has run, it may be running again, paused or gone: that is no reason to refuse
        job = self._known(database.jobs()) if self._seen else self._ready(database.jobs())
        due = database.job_work([self.number]).get(self.number)
        chunks = counted(len(due.due), "chunk") if due else "whatever"
        loss = "Nothing is lost: what the job does, it does by itself as well."
        if job.drops_data:
            loss = f"Would be dropped for good: {chunks} older than {job.config.get('drop_after')}."
        return ChangePlan(
            run_id=run_id,
            target=target,
            operation="runjob",
            title=f"run job {job.id}, {titled(job)}, in {target.database}",
            loss=loss,
            order=(StepName.RUN_RETENTION if job.drops_data else StepName.RUN_JOB,),
            container=bench.host.find(target.container),
            applications=(),
            system_identifier=bench.cluster.identity().system_identifier,
            subject={
                "the job": f"{job.id} {titled(job)} of {job.owner}",
                "its configuration": repr(sorted(job.config.items())),
            },
        )

    def _ready(self, jobs: Sequence[Job]) -> Job:
        job = pick_job(jobs, self.number)
        there = workers_of(self.bench.target.database, self.bench.cluster.sessions())
        if not there.complete:
            raise Refused("no_scheduler", f"Nobody would run it: {there}. See /tsstatus.")
        return job

    def _known(self, jobs: Sequence[Job]) -> Job:
        for job in jobs:
            if job.id == self.number:
                return job
        raise Refused("unknown_job", f"Job {self.number} is gone.")

    def stages(self, plan: ChangePlan) -> Sequence[Stage[ChangeWork]]:
        """Return the one step."""
        return [Stage(name, self._intent, self._act) for name in plan.order]

    def verdict(self, work: ChangeWork) -> Ending:
        """Return how it ended: by what was seen, not by its status alone."""
        if self._seen is None:
            return "failed", f"Nobody looked what came of: {ended(work.plan.title)}"
        told = f"{self._seen.name}: {self._seen.evidence}"
        if work.cancelled() and self._seen.verdict is Verdict.WARNING:
            return "cancelled", f"No longer waited for, and not stopped: {ended(told)}"
        remedy = f" Then: {ended(self._seen.remedy)}" if self._seen.remedy else ""
        return _ENDINGS.get(self._seen.verdict, "failed"), f"{ended(told)}{remedy}"

    def _intent(self, _: ChangeWork) -> Intent:
        return Intent(
            f"make job {self.number} due now, so that the scheduler runs it as its owner",
            {"job": self.number},
        )

    def _act(self, work: ChangeWork) -> Outcome:
        before = self._sighting(work)
        work.live.kick(self.number)
        work.progress(0, "the scheduler looks every few seconds")

        def ended_or_cancelled() -> bool:
            return work.cancelled() or has_run(before, self._sighting(work), self.number)

        poll(work, work.target.job_proof_timeout, ended_or_cancelled)
        self._seen = check = self._judged(work, before)
        return Outcome(f"{check.name}: {check.evidence}", {"job": self.number}, checks=(check,))

    def _judged(self, work: ChangeWork, before: Sighting) -> Check:
        seen: list[Check] = []

        def proven() -> bool:
            now = self._sighting(work)
            seen.extend(proofs(before, now, [self.number]))
            return seen[-1].verdict is Verdict.OK or not has_run(before, now, self.number)

        poll(work, _COUNTED_WITHIN, proven)
        return seen[-1]

    def _sighting(self, work: ChangeWork) -> Sighting:
        jobs = {job.id: job for job in work.live.jobs() if job.id == self.number}
        return Sighting(jobs, work.live.job_work([self.number]))
