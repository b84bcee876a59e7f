"""pg_cron, bound to one database name: created after the cut-over, its jobs paused until verified.

The jobs come from what preflight has read of the dump and go in as rows that are not active, so
that none is started between being restored and being paused; what they ran in the past follows
when the applications run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.core.cron import CronJob
from bot.core.errors import DatabaseRefused, DatabaseUnavailable, StepFailed, TsbotError
from bot.core.plan import StepName
from bot.core.steps.database import PG_CRON
from bot.core.steps.pg_restore import bound_to_cron, run_pg_restore
from bot.core.steps.stage import Work
from bot.core.toc import TocEntry
from bot.core.wording import counted

PAUSED = "cron_paused"
"""The fact of the cut-over that lists the jobs to be re-armed."""


def to_pause(work: Work) -> list[int]:
    """Return the ids of pg_cron's jobs that the dump has running and the cut-over pauses."""
    if not _at_home(work):
        return []
    return sorted(job.id for job in work.manifest.cron if job.active)


def paused_before(work: Work) -> list[int]:
    """Return those that the cut-over has said it would pause, also in a process that died in it."""
    noted = work.intents.get(StepName.CUT_OVER, {}).get(PAUSED, ())
    return [n for n in noted if isinstance(n, int)] if isinstance(noted, list | tuple) else []


def restore_cron(work: Work) -> str:
    """Create pg_cron in the live database and put the dump's jobs in, paused; safe to repeat.

    Returns:
        How the outcome's sentence goes on, empty where there is no pg_cron.

    Raises:
        StepFailed: the jobs do not fit this version of pg_cron; the databases are swapped.
    """
    if not _wanted(work):
        return ""
    if not _at_home(work):
        home = work.cluster.setting("cron.database_name")
        return f"; pg_cron left out, cron.database_name is {home or 'not set'}"
    jobs = tuple(_paused(work))
    try:
        work.live.create_extension(PG_CRON)
        work.live.load_cron_jobs(jobs)
    except DatabaseRefused as error:
        raise StepFailed(
            f"the database is cut over, but pg_cron's jobs are not restored: {error}"
        ) from error
    expected = {job.id for job in jobs} | set(paused_before(work))
    missing = expected - {job.id for job in work.live.cron_jobs()}
    if missing:
        raise StepFailed(
            "the database is cut over, but pg_cron lacks jobs of the dump: "
            + ", ".join(map(str, sorted(missing)))
        )
    return (
        f"; pg_cron with {counted(len(jobs), 'job')}, all paused" if jobs else "; pg_cron created"
    )


def rearm_cron(work: Work) -> list[int]:
    """Restore what pg_cron's jobs ran, then let those run again that the cut-over paused.

    Returns:
        The ids of the jobs re-armed.

    Raises:
        StepFailed: the history cannot be restored; the jobs run all the same.
    """
    # without the dump it is the log alone that knows of them
    wanted = [n for n in work.learned(StepName.CUT_OVER, PAUSED) if isinstance(n, int)]
    if not (wanted or (_wanted(work) and _at_home(work))):
        return []
    # First: a run that begins now would take the number of one in the dump.
    complaint, tail = _try_history(work)
    armed = list(work.live.set_cron_active(wanted, True))
    if complaint:
        raise StepFailed(
            f"{counted(len(armed), 'job')} of pg_cron run again, but what they ran before is not "
            f"restored: {complaint}",
            tail,
        )
    return armed


def _wanted(work: Work) -> bool:
    return PG_CRON in (*work.plan.target.extensions, *work.toc.extensions())


def _at_home(work: Work) -> bool:
    return work.cluster.setting("cron.database_name") == work.plan.target.database


def _paused(work: Work) -> Iterator[CronJob]:
    """Yield the dump's jobs as they go in: not active, and in the database they are restored to."""
    source, live = work.toc.database, work.plan.target.database
    for job in work.manifest.cron:
        database = live if job.database == source else job.database
        columns = {**job.columns, "database": database, "active": "f"}
        yield replace(job, database=database, active=False, columns=columns)


def _history(entry: TocEntry) -> bool:
    """Whether an entry is pg_cron's and neither the extension nor its jobs."""
    jobs = (entry.kind, entry.name) == ("TABLE DATA", "job")
    return bound_to_cron(entry) and not entry.extension and not jobs


def _try_history(work: Work) -> tuple[str, str]:
    """Restore the history, or say why not: the dump may have been rotated away by now."""
    try:
        return _restore_history(work)
    except DatabaseUnavailable:
        raise  # nor can the jobs be armed; the step is done again when the server is back
    except TsbotError as error:
        return str(error), ""


def _restore_history(work: Work) -> tuple[str, str]:
    """Return the first thing that went wrong, empty for nothing, with pg_restore's last lines."""
    if not any(map(_history, work.toc.entries)):
        return "", ""
    if work.toc.taken_at is not None:  # nothing in the dump is younger
        work.live.forget_cron_runs(work.toc.taken_at)  # an earlier attempt may have loaded it
    errors, tail = run_pg_restore(work, work.plan.target.database, _history, "--data-only")
    return (errors.fatal[0] if errors.fatal else ""), tail
