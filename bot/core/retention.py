"""Letting retention run again after a restore, which only an approver may say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.bench import Bench, choose
from bot.core.claiming import Claiming
from bot.core.errors import Refused, TsbotError
from bot.core.journal import Journal, event_of
from bot.core.models import DatabaseFacts, Person
from bot.core.past import Past
from bot.core.plan import Plan, StepName
from bot.core.ports import AuditLog, Claims
from bot.core.steps.database import made_by

_JOB = re.compile(r"job (\d+) ")
"""How a plan's description of a retention job begins; see DumpedJob.description."""

HOLDING = frozenset({StepName.JOBS, StepName.REPAIR_RETENTION})
"""Steps that leave retention jobs paused, their ids under ``waiting``."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Retention jobs that a restore left paused.

    Args:
        run_id: of that restore.
        target: of that restore.
        jobs: their ids.
        oid: of the database they are in, 0 where it is known by its comment.
    """

    run_id: str
    target: str
    jobs: tuple[int, ...]
    oid: int = 0


def armable(past: Past) -> tuple[int, ...]:
    """Return the jobs that a run has paused and that may run again without an approver's word."""
    paused = past.facts.get(StepName.RESTORING_OFF, {}).get("paused", ())
    jobs = past.facts.get(StepName.JOBS, {})
    done = {*_numbers(jobs.get("rearmed")), *_numbers(jobs.get("waiting"))}
    retention = past.plan.retention if isinstance(past.plan, Plan) else ()
    held = {int(found[1]) for line in retention if (found := _JOB.match(line))}
    return tuple(n for n in _numbers(paused) if n not in done | held)


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(n for n in value if isinstance(n, int)) if isinstance(value, list | tuple) else ()


def waiting_after(log: AuditLog, run_id: str) -> Waiting:
    """Return what a run left paused, from the log.

    Raises:
        Refused: there is no such run, it left nothing, or it was armed already.
    """
    found = log.entries(Query(run_id=run_id))  # also of runs whose id only begins so
    entries = [entry for entry in found if entry.draft.run_id == run_id != ""]
    for entry in reversed(entries):
        event = event_of(entry)
        if isinstance(event, ev.ArmingEnded) and not event.problem:
            raise Refused("already_armed", f"Retention of run {run_id} runs again already.")
        if isinstance(event, ev.StepFinished | ev.StepFailed) and event.step in HOLDING:
            jobs, oid = event.facts.get("waiting"), event.facts.get("oid")
            if isinstance(jobs, list | tuple) and not jobs:
                break  # taken up again, it has armed them
            if isinstance(jobs, list | tuple):
                numbers = tuple(int(j) for j in jobs)
                return Waiting(
                    run_id, entry.draft.target, numbers, oid if isinstance(oid, int) else 0
                )
    raise Refused("nothing_waits", f"Run {run_id} left no retention job waiting.")


def arm(
    waiting: Waiting,
    benches: Mapping[str, Bench],
    claims: Claims,
    journal: Journal,
    by: Person,
    at_work: Callable[[str], object] = lambda _: False,
) -> tuple[int, ...]:
    """Re-arm exactly those jobs, and return those that are still there; logged before it is done.

    Only in the database that the run made: in another one their ids are other jobs.

    Args:
        waiting: which jobs, and where.
        benches: by target name.
        claims: one run a target.
        journal: the run's log.
        by: who says so.
        at_work: whether a run is at work in this process, or waits for a decision, by its id.

    Raises:
        Refused: the target is at work, another database has taken the place of the run's, or
            somebody has deleted the jobs.
        DatabaseRefused: they may not have been armed, and can be once more.
        Unavailable: the same.
    """
    bench = choose(benches, waiting.target)
    claiming = Claiming(claims, at_work, journal.log)
    with claiming.held(bench, f"{waiting.run_id}-retention", "tsbot"):
        serving = bench.cluster.find_database(bench.target.database)
        if serving is None or not _its_own(serving, waiting):
            raise Refused(
                "another_database",
                f"{bench.target.database} is no longer the database that run {waiting.run_id} "
                f"{'repaired' if waiting.oid else 'restored'}; nothing was armed.",
            )
        jobs = _still_there(waiting, bench)
        journal.record(
            ev.RetentionArmed(run_id=waiting.run_id, at=bench.clock.now(), person=by, jobs=jobs)
        )
        try:
            _set_going(bench, jobs)
        except TsbotError as error:
            journal.record_safe(_ended(waiting, bench, jobs, str(error)))
            raise
        journal.record_safe(_ended(waiting, bench, jobs))
        return jobs


def _still_there(waiting: Waiting, bench: Bench) -> tuple[int, ...]:
    """Return the jobs without those that were deleted: one of them must not keep the rest paused.

    Raises:
        Refused: all of them were.
    """
    found = {job.id for job in bench.cluster.database(bench.target.database).jobs()}
    jobs = tuple(number for number in waiting.jobs if number in found)
    if not jobs:
        raise Refused(
            "jobs_gone",
            f"{bench.target.database} no longer has the retention jobs that run {waiting.run_id} "
            "left paused; nothing was armed.",
        )
    return jobs


def _set_going(bench: Bench, jobs: tuple[int, ...]) -> None:
    database = bench.cluster.database(bench.target.database)
    database.set_scheduled(jobs, True)
    database.restart_workers()


def _ended(
    waiting: Waiting, bench: Bench, jobs: tuple[int, ...], problem: str = ""
) -> ev.ArmingEnded:
    return ev.ArmingEnded(run_id=waiting.run_id, at=bench.clock.now(), jobs=jobs, problem=problem)


def _its_own(serving: DatabaseFacts, waiting: Waiting) -> bool:
    if waiting.oid:
        return serving.oid == waiting.oid
    return serving.comment == made_by(waiting.run_id, serving.name)
