"""Step 10 and the checklist: re-arm the jobs we paused, then prove that refreshing works."""

from __future__ import annotations

from bot.core.errors import StepFailed
from bot.core.models import Check, Facts, Job
from bot.core.plan import StepName
from bot.core.status import Expectations, checklist, read_status
from bot.core.steps.server import poll
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.wording import counted

_SCHEDULED_WITHIN = 30  # seconds until a re-armed job shows a start
_SETTLES_WITHIN = 10  # seconds a point has to become green


def _paused(work: Work) -> frozenset[int]:
    learned = work.learned(StepName.RESTORING_OFF, "paused")
    return frozenset(n for n in learned if isinstance(n, int))


def _split(work: Work) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Return the paused jobs to re-arm now, and those that wait for an approver's word."""
    ours = [j for j in work.live.jobs() if j.id in _paused(work)]
    waiting = tuple(j for j in ours if j.drops_data and not work.rearm_retention)
    return tuple(j for j in ours if j not in waiting), waiting


def _jobs_intent(work: Work) -> Intent:
    arm, wait = _split(work)
    held = f", keep {counted(len(wait), 'retention job')} paused" if wait else ""
    return Intent(f"re-arm {counted(len(arm), 'job')}{held}", {"rearm": [j.id for j in arm]})


def _jobs(work: Work) -> Outcome:
    arm, wait = _split(work)
    numbers = frozenset(j.id for j in arm)
    work.live.set_scheduled(tuple(sorted(numbers)), True)
    facts: Facts = {"rearmed": sorted(numbers), "waiting": [j.id for j in wait]}
    work.facts[StepName.JOBS] = facts  # done: whatever the scheduler makes of it
    work.live.restart_workers()
    if not poll(work, _SCHEDULED_WITHIN, lambda: _all_scheduled(work, numbers)):
        idle = [str(j.id) for j in work.live.jobs() if j.id in numbers and not _has_start(j)]
        raise StepFailed(f"jobs without a next start after being re-armed: {', '.join(idle)}")
    held = f"; retention still paused: {', '.join(str(j.id) for j in wait)}" if wait else ""
    return Outcome(
        f"{counted(len(arm), 'job')} re-armed, each with a next start{held}",
        facts,
    )


def _has_start(job: Job) -> bool:
    return job.running or job.next_start is not None


def _all_scheduled(work: Work, numbers: frozenset[int]) -> bool:
    return all(_has_start(j) for j in work.live.jobs() if j.id in numbers)


def _checklist_intent(_: Work) -> Intent:
    return Intent("check the five points")


def _checklist(work: Work) -> Outcome:
    paused = frozenset(n for n in work.learned(StepName.JOBS, "waiting") if isinstance(n, int))
    expected = Expectations(
        running=tuple(c.name for c in work.plan.applications),
        paused_jobs=paused,
        empty_views=work.manifest.empty_aggregates,
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


def _settled(work: Work, expected: Expectations) -> tuple[Check, ...]:
    """Look until all is green or the time is up: re-arming has just restarted the scheduler."""
    seen: list[tuple[Check, ...]] = []

    def green() -> bool:
        status = read_status(work.plan.target, work.host, work.cluster, work.clock.now())
        seen.append(checklist(status, expected))
        return all(check.passed for check in seen[-1])

    poll(work, _SETTLES_WITHIN, green)
    return seen[-1]


JOBS = Stage(StepName.JOBS, _jobs_intent, _jobs)
CHECKLIST = Stage(StepName.CHECKLIST, _checklist_intent, _checklist)
