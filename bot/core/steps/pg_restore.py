"""Step 6: pg_restore, in the database's container, serial and from a list file.

One-shot ``-j`` loses policies and watermarks, so it is never used on the whole dump.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bot.core.dump import PLAIN
from bot.core.errors import (
    DatabaseRefused,
    EngineRefused,
    Refused,
    RunCancelled,
    StepFailed,
    TsbotError,
    Unavailable,
)
from bot.core.models import Ownership
from bot.core.pg_errors import Discretion, ErrorCollector, RestoreErrors
from bot.core.plan import Plan, StepName
from bot.core.ports import Stream
from bot.core.restore_progress import RestoreProgress
from bot.core.steps.database import PG_CRON, wanted_extensions
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.toc import TocEntry
from bot.core.wording import counted

_ROUTINE = re.compile(r"^pg_restore: (creating|processing|executing|connecting|finished|launching)")
_TAIL_LINES = 20
_ENGLISH = {"PGOPTIONS": "-c lc_messages=C"}  # the server's own messages, in our sessions
_LOOK_EVERY = 0.5  # seconds between looks for a wish to stop


def application_name(plan: Plan) -> str:
    """Return the application_name of this run's pg_restore, to find and to end it by."""
    return f"tsbot-restore-{plan.run_id}"


def bound_to_cron(entry: TocEntry) -> bool:
    """Whether an entry belongs to pg_cron, which has to wait for the cut-over."""
    return entry.schema == "cron" or entry.extension == PG_CRON


def run_pg_restore(
    work: Work,
    database: str,
    wanted: Callable[[TocEntry], bool],
    *options: str,
) -> tuple[RestoreErrors, str]:
    """Restore the wanted entries into a database and return what went wrong, with the tail.

    Raises:
        StepFailed: the dump is not the approved one, before or after it was restored.
        RunCancelled: somebody asked to stop; pg_restore has been ended in the server.
    """
    _stop_if_changed(work)
    entries = tuple(e for e in work.toc.entries if wanted(e))
    listing = _write_list(work, work.toc.select(wanted))
    watch = _Watch(work, RestoreProgress(entries))
    try:
        with _ended_when_cancelled(work):
            result = work.host.execute(
                work.plan.container.id,
                _argv(work, database, listing, options),
                user=work.plan.target.exec_user,
                env={"PGAPPNAME": application_name(work.plan), **_ENGLISH, **PLAIN},
                on_line=watch.take,
            )
    finally:
        with suppress(Unavailable, EngineRefused):  # must not hide what happened
            work.dump.remove(listing)
    if result.exit_code != 0 and _to_be_ended(work):
        raise RunCancelled("pg_restore was ended because the run was cancelled")
    _stop_if_changed(work)
    return watch.errors.verdict(result.exit_code), "\n".join(watch.tail)


def _stop_if_changed(work: Work) -> None:
    """What was hashed after the approval is restored, no matter who wrote the file meanwhile."""
    backup = work.plan.backup
    try:
        unchanged = work.dump.permissions(backup.file.path).stamp == backup.stamp
    except Refused:
        unchanged = False
    if not unchanged:
        raise StepFailed(
            f"{backup.file.name} was replaced, written to or touched after it was approved and "
            "hashed; see who did, then ask again"
        )


def _write_list(work: Work, content: str) -> str:
    directory = work.cluster.setting("data_directory")
    path = f"{directory}/tsbot-{work.plan.run_id}.list"
    work.cluster.write_file(path, content.encode())
    return path


def _argv(work: Work, database: str, listing: str, options: tuple[str, ...]) -> tuple[str, ...]:
    target = work.plan.target
    owners = ("--no-owner", "--no-acl") if target.ownership is Ownership.GUIDE else ()
    return (
        "pg_restore",
        "--verbose",
        "--no-password",
        f"--username={target.superuser}",
        f"--dbname={database}",
        f"--use-list={listing}",
        *owners,
        *options,
        work.plan.backup.file.path,
    )


@contextmanager
def _ended_when_cancelled(work: Work) -> Iterator[None]:
    """End pg_restore's sessions when somebody asks to stop, also while it prints nothing.

    Docker cannot end an exec, and pg_restore outlives its client. One table can take hours
    without a line, so lines are no occasion to look; and a session may just be opening, so it is
    done until pg_restore has ended.
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY):
            if _to_be_ended(work):
                with suppress(TsbotError):  # tried again in a moment
                    work.cluster.terminate_application(application_name(work.plan))

    thread = threading.Thread(target=watch, name="cancel-pg-restore", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _to_be_ended(work: Work) -> bool:
    """After the cut-over it is too late to stop."""
    return work.cancelled() and StepName.CUT_OVER not in work.facts


class _Watch:
    """Takes pg_restore's lines: errors, progress and the tail."""

    def __init__(self, work: Work, progress: RestoreProgress) -> None:
        self.errors = ErrorCollector()
        self.tail: list[str] = []
        self._discretion = Discretion()
        self._work = work
        self._progress = progress

    def take(self, stream: Stream, line: str) -> None:
        """Look at one line."""
        if stream is not Stream.ERR:
            return
        self.errors.take(line)
        shown = self._discretion.shown(line)
        if _ROUTINE.match(line) is None and shown.strip():
            self.tail = [*self.tail, shown][-_TAIL_LINES:]
            self._work.output((shown,))
        step = self._progress.take(line)
        if step:
            self._work.progress(*step)


def _intent(work: Work) -> Intent:
    plan = work.plan
    return Intent(
        f"restore {plan.backup.file.name} into {plan.side}",
        {"application_name": application_name(plan), "database": plan.side},
    )


def _restore(work: Work) -> Outcome:
    created = frozenset(wanted_extensions(work))

    def wanted(entry: TocEntry) -> bool:
        return entry.extension not in created and not bound_to_cron(entry)

    errors, tail = run_pg_restore(work, work.plan.side, wanted)
    if errors.fatal:
        raise StepFailed(f"pg_restore failed: {errors.fatal[0]}", tail)
    count = sum(map(wanted, work.toc.entries))
    return Outcome(
        f"restored {counted(count, 'entry', 'entries')}"
        + (f", {counted(len(errors.harmless), 'harmless error')}" * bool(errors.harmless)),
        {"entries": count, "harmless": list(errors.harmless)},
        tail,
    )


def _end_leftover(work: Work) -> str:
    """End a pg_restore that outlived its client, so that the side database can be dropped."""
    with suppress(DatabaseRefused):
        ended = work.cluster.terminate_application(application_name(work.plan))
        return f"ended {counted(ended, 'session')} of pg_restore" if ended else ""
    return ""


RESTORE = Stage(StepName.PG_RESTORE, _intent, _restore, undo=_end_leftover)
