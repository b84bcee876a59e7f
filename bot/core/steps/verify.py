"""Step 10 and the checklist: re-arm the jobs we paused, then prove that refreshing works."""

from __future__ import annotations

from bot.core.job_proof import Sighting, has_run, proofs
from bot.core.jobs import Job
from bot.core.models import Check, Facts, Verdict
from bot.core.plan import StepName
from bot.core.points import checklist
from bot.core.status import Expectations, read_status
from bot.core.steps.cron import rearm_cron
from bot.core.steps.server import poll
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.wording import counted

_COUNTED_WITHIN = 3  # seconds until PostgreSQL has counted what a job that has ended wrote
_SETTLES_WITHIN = 10  # seconds a point has to become green


def _paused(work: Work) -> frozenset[int]:
    learned = work.learned(StepName.RESTORING_OFF, "paused")
    return frozenset(n for n in learned if isinstance(n, int))


def _split(work: Work) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the paused jobs to re-arm now, and those that wait for an approver's word."""
    ours = [j for j in work.live.jobs() if j.id in _paused(work)]
    waiting = tuple(j for j in ours if j.drops_data and _must_wait(work, j))
    return tuple(j for j in ours if j not in waiting), waiting


def _must_wait(work: Work, job: Job) -> bool:
    """Whether it would drop what was just restored, or might, and nobody said that it may."""
    return not work.rearm_retention and work.live.would_drop(job.id) != 0


def _jobs_intent(work: Work) -> Intent:
    arm, wait = _split(work)
    held = f", keep {counted(len(wait), 'retention job')} paused" if wait else ""
    return Intent(f"re-arm {counted(len(arm), 'job')}{held}", {"rearm": [j.id for j in arm]})


def _jobs(work: Work) -> Outcome:
    arm, wait = _split(work)
    numbers = tuple(sorted(j.id for j in arm))
    before = _sighting(work, numbers)
    work.live.set_scheduled(numbers, True)
    facts: Facts = {"rearmed": list(numbers), "waiting": [j.id for j in wait]}
    work.facts[StepName.JOBS] = facts  # done: whatever the scheduler makes of it
    work.live.restart_workers()
    checks = _proofs(work, before, numbers)
    facts = {**facts, "proofs": [[c.name, c.verdict, c.evidence, c.remedy] for c in checks]}
    proven = sum(c.verdict is Verdict.OK for c in checks)
    seen = f", {proven} of them seen to run" if checks else ""
    held = f"; retention still paused: {', '.join(str(j.id) for j in wait)}" if wait else ""
    cron = rearm_cron(work)
    held += f"; {counted(len(cron), 'job')} of pg_cron re-armed" if cron else ""
    return Outcome(
        f"{counted(len(arm), 'job')} re-armed{seen}{held}",
        {**facts, "cron_rearmed": cron},
        checks=checks,
    )


def _sighting(work: Work, numbers: tuple[int, ...]) -> Sighting:
    jobs = {j.id: j for j in work.live.jobs() if j.id in numbers}
    return Sighting(jobs, work.live.job_work(numbers))


def _proofs(work: Work, before: Sighting, numbers: tuple[int, ...]) -> tuple[Check, ...]:
    """Wait until each re-armed job has run, no longer than the settings say, and judge them.

    All are due at once: how jobs went before is in no dump.
    """

    def all_ran() -> bool:
        now = Sighting({j.id: j for j in work.live.jobs()})
        ran = sum(has_run(before, now, number) for number in numbers)
        work.progress(ran / max(1, len(numbers)), f"{ran} of {len(numbers)} jobs have run")
        return ran == len(numbers)

    # without workers there is nothing to wait for, and that step has said so
    patience = work.target.job_proof_timeout if StepName.WORKERS in work.facts else 0
    if not poll(work, patience, all_ran):
        return proofs(before, _sighting(work, numbers), numbers)
    seen: list[tuple[Check, ...]] = []

    def all_proven() -> bool:
        seen.append(proofs(before, _sighting(work, numbers), numbers))
        return all(check.verdict is Verdict.OK for check in seen[-1])

    poll(work, _COUNTED_WITHIN, all_proven)
    return seen[-1]


def _checklist_intent(_: Work) -> Intent:
    return Intent("check the five points")


def _checklist(work: Work) -> Outcome:
    paused = frozenset(n for n in work.learned(StepName.JOBS, "waiting") if isinstance(n, int))
    expected = Expectations(
        running=tuple(c.name for c in work.applications),
        paused_jobs=paused,
        empty_views=work.manifest.empty_aggregates,
        proofs=_proven(work),
    )
    checks = _settled(work, expected)
    failed = [c for c in checks if not c.passed]
    if failed:
        return Outcome(
            f"{len(failed)} of {len(checks)} points are not green: "
            + "; ".join(f"{c.name}: {c.evidence}" for c in failed),
            {"green": False},
            checks=checks,
        )
    return Outcome(f"all {len(checks)} points green", {"green": True}, checks=checks)


def _proven(work: Work) -> tuple[Check, ...] | None:
    """Return what the jobs were seen to do, None where that step did not come so far."""
    if "proofs" not in work.facts.get(StepName.JOBS, {}):
        return None
    rows = (map(str, row) for row in work.learned(StepName.JOBS, "proofs") if isinstance(row, list))
    return tuple(Check(n, Verdict(v), seen, remedy) for n, v, seen, remedy in rows)


def _settled(work: Work, expected: Expectations) -> tuple[Check, ...]:
    """Look until all is green or the time is up: re-arming has just restarted the scheduler."""
    seen: list[tuple[Check, ...]] = []

    def green() -> bool:
        status = read_status(work.target, work.host, work.cluster, work.clock.now())
        seen.append(checklist(status, expected))
        return all(check.passed for check in seen[-1])

    poll(work, _SETTLES_WITHIN, green)
    return seen[-1]


# Without probes. The jobs to be armed are those in the log, and arming twice is arming once; what
# pg_cron's jobs ran is forgotten before it is restored again. The checklist only looks.
JOBS = Stage(StepName.JOBS, _jobs_intent, _jobs)
CHECKLIST = Stage(StepName.CHECKLIST, _checklist_intent, _checklist)
