"""Proving jobs by what they did: a next start alone is no proof that anybody works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.core.jobs import Job, JobWork
from bot.core.models import Check, Verdict
from bot.core.redaction import safe_line
from bot.core.wording import counted, moment, shortened

_ERROR_LENGTH = 300

_SUSPECT = "see the server's log"

_DOES: Mapping[str, tuple[str, str]] = {
    "policy_refresh_continuous_aggregate": ("range", "refreshed"),
    "policy_retention": ("chunk", "dropped"),
    "policy_compression": ("chunk", "compressed"),
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """Jobs and what they have to do, as one look saw them.

    Args:
        jobs: by id.
        work: by id, of those policies whose effect can be seen.
    """

    jobs: Mapping[int, Job]
    work: Mapping[int, JobWork] = field(default_factory=dict)


def has_run(before: Sighting, now: Sighting, number: int) -> bool:
    """Whether a job has begun a run since and ended it."""
    then, job = before.jobs.get(number), now.jobs.get(number)
    if job is None or job.running:
        return False
    return job.runs > (then.runs if then else 0) and bool(job.last_status)


def proofs(before: Sighting, now: Sighting, numbers: Sequence[int]) -> tuple[Check, ...]:
    """Return a check for each job: what it has done between the two looks.

    A job that is gone, has failed or that nobody schedules has failed the check; one that was not
    due within the time is a warning, for it proves nothing either way.
    """
    return tuple(_proof(before, now, number) for number in numbers)


def _proof(before: Sighting, now: Sighting, number: int) -> Check:
    job = now.jobs.get(number)
    if job is None:
        return Check(f"job {number}", Verdict.FAILED, "it is gone", "look who deleted it")
    name = f"job {number}, {titled(job)}"
    if not has_run(before, now, number):
        return _not_run(name, job)
    effect = _effect(job, before.work.get(number), now.work.get(number))
    if not job.failed:
        return _succeeded(name, job, effect)
    return _failed(name, job, effect)


def titled(job: Job) -> str:
    """Return what a job is, and of what."""
    return f"{job.procedure} of {job.hypertable}" if job.hypertable else job.procedure


def _not_run(name: str, job: Job) -> Check:
    if job.running:
        since = f" since {moment(job.started)}" if job.started else ""
        return Check(name, Verdict.WARNING, f"running{since}, not finished yet", "look again later")
    if job.next_start is None:
        remedy = "look at the workers; then /runjob"
        return Check(name, Verdict.FAILED, "no next start: nobody schedules it", remedy)
    seen = f"scheduled for {moment(job.next_start)}, not yet run since"
    return Check(name, Verdict.WARNING, seen, f"/runjob {job.id}, or look again later")


@dataclass(frozen=True, slots=True)
class _Effect:
    """What came of a run; ``sure`` where something moved, ``stuck`` where what was due did not."""

    sentence: str
    sure: bool = False
    stuck: bool = False


def _effect(job: Job, before: JobWork | None, now: JobWork | None) -> _Effect:
    if before is None or now is None:
        return _Effect("its effect can't be seen from outside")
    noun, verb = _DOES.get(job.procedure, ("range", "done"))
    done = [each for each in before.due if not _covered(each, now.due)]
    left = f", {counted(len(now.due), noun)} left for its next run" if now.due else ""
    if done:
        return _Effect(f"{counted(len(done), noun)} {verb}{left}", sure=True)
    if before.written != now.written:
        rows = counted(abs(now.written - before.written), "row")
        return _Effect(f"{rows} written or replaced{left}", sure=True)
    if before.mark != now.mark:
        return _Effect(f"its watermark moved{left}", sure=True)
    if before.due:
        return _Effect(f"{counted(len(before.due), noun)} due and none {verb}", stuck=True)
    return _Effect("nothing was due")


def _covered(one: tuple[int, int], others: frozenset[tuple[int, int]]) -> bool:
    if one in others:
        return True
    return any(low <= one[0] and one[1] <= high for low, high in others)


def _succeeded(name: str, job: Job, effect: _Effect) -> Check:
    ran = f"ran {_when(job)}: {effect.sentence}"
    if job.miscalled:
        ran += f" (called failed for what came after its work: {reason(job)})"
    if effect.stuck:
        return Check(name, Verdict.WARNING, ran, f"/runjob {job.id}, then look again")
    return Check(name, Verdict.OK, ran)


def _failed(name: str, job: Job, effect: _Effect) -> Check:
    error = reason(job)
    if effect.sure:
        seen = f"{effect.sentence}, though its run {_when(job)} is called failed: {error}"
        return Check(name, Verdict.WARNING, seen, _SUSPECT)
    seen = f"failed {_when(job)}: {error} ({effect.sentence})"
    return Check(name, Verdict.FAILED, seen, f"put it right, then /runjob {job.id}")


def reason(job: Job) -> str:
    """Return what a failed job's last run ended with, as one short line."""
    return shortened(safe_line(job.error), _ERROR_LENGTH) or f"no reason known, {_SUSPECT}"


def _when(job: Job) -> str:
    return f"at {job.started:%H:%M:%S} UTC" if job.started else "since"
