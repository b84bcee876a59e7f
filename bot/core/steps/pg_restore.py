"""Step 6: restore the dump into the side database, in phases and in parallel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bot.core.errors import DatabaseRefused, StepFailed
from bot.core.models import Check, Verdict
from bot.core.pg_errors import Repair
from bot.core.phases import cut
from bot.core.plan import StepName
from bot.core.restore_jobs import choose_jobs
from bot.core.steps.database import PG_CRON, wanted_extensions
from bot.core.steps.restore_call import remove_list, restore_phases, run_pg_restore
from bot.core.steps.restore_guard import application_name
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.toc import TocEntry
from bot.core.wording import counted

__all__ = ["RESTORE", "application_name", "bound_to_cron", "run_pg_restore", "to_repair"]

_REPAIR = "repairable"  # in the step's facts


def bound_to_cron(entry: TocEntry) -> bool:
    """Whether an entry belongs to pg_cron, which has to wait for the cut-over."""
    return entry.schema == "cron" or entry.extension == PG_CRON


def _intent(work: Work) -> Intent:
    plan = work.plan
    return Intent(
        f"restore {plan.backup.file.name} into {plan.side}",
        {"application_name": application_name(plan), "database": plan.side},
    )


def _restore(work: Work) -> Outcome:
    created = frozenset(wanted_extensions(work))
    entries = tuple(
        e for e in work.toc.entries if e.extension not in created and not bound_to_cron(e)
    )
    plan = work.plan
    jobs = choose_jobs(work.cluster, plan.target, entries, plan.backup.file.size)
    errors, tail = restore_phases(work, plan.side, cut(entries, jobs.number))
    if errors.fatal:
        raise StepFailed(f"pg_restore failed: {errors.fatal[0]}", tail)
    checks = tuple(_checks(work, errors.repairable))
    told = (
        counted(len(entries), "entry", "entries"),
        f"{counted(jobs.number, 'job')} ({jobs.reason})",
        *([counted(len(errors.harmless), "harmless error")] * bool(errors.harmless)),
        *([f"{len(checks)} to be repaired by hand"] * bool(checks)),
    )
    return Outcome(
        f"restored {', '.join(told)}",
        {
            "entries": len(entries),
            "jobs": jobs.number,
            "harmless": list(errors.harmless),
            _REPAIR: [f"{c.evidence}; {c.remedy}" for c in checks],
        },
        tail,
        checks,
    )


def to_repair(work: Work) -> tuple[str, ...]:
    """Return what a person will have to mend after this restore, for those who vote on it."""
    return tuple(f"to be repaired by hand: {x}" for x in work.learned(StepName.PG_RESTORE, _REPAIR))


def _checks(work: Work, repairs: tuple[Repair, ...]) -> Iterator[Check]:
    """Yield a failed check for each thing that a person has to mend."""
    for repair in repairs:
        often = f" ({repair.times} times)" if repair.times > 1 else ""
        again = _again(work, repair.again) if repair.again else ""
        evidence = f"{repair.error}{often}: {repair.reason}"
        yield Check("pg_restore", Verdict.FAILED, evidence, f"{repair.remedy}{again}")


def _again(work: Work, kinds: str) -> str:
    """Return the command that restores entries again, to be typed in the container's shell."""
    path, target = work.plan.backup.file.path, work.plan.target
    return (
        f": pg_restore -l {path} | grep -E '^[0-9]+; 0 0 {kinds} ' > /tmp/again.list && "
        f"pg_restore -U {target.superuser} -d {target.database} -L /tmp/again.list {path}"
    )


def _end_leftover(work: Work) -> str:
    """End a pg_restore that outlived its client, so that the side database can be dropped."""
    ended = 0
    with suppress(DatabaseRefused):
        ended = work.cluster.terminate_application(application_name(work.plan))
    remove_list(work)
    return f"ended {counted(ended, 'session')} of pg_restore" if ended else ""


# Without a probe: half a copy is worth nothing, and nobody knows which half; it is made anew.
RESTORE = Stage(StepName.PG_RESTORE, _intent, _restore, undo=_end_leftover)
