"""Calling pg_restore in the database's container, from a list file, once for each phase."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from bot.core.dump import PLAIN
from bot.core.errors import EngineRefused, Refused, StepFailed, Unavailable
from bot.core.models import Ownership
from bot.core.pg_errors import Discretion, ErrorCollector, RestoreErrors
from bot.core.phases import Phase, cut
from bot.core.ports import Stream
from bot.core.restore_progress import RestoreProgress
from bot.core.steps.restore_guard import application_name, guarded
from bot.core.steps.stage import Work
from bot.core.toc import TocEntry, list_file

_TAIL_LINES = 20
_ROUTINE = re.compile(
    r"^(?:pg_restore:|\s)*"
    r"(?:creating|processing|executing|connecting|finished|launching|skipping|entering|implied) "
)

# The server's own messages in English. A commit need not wait for the disk: the step after this
# one commits as usual, and with it all that went before.
_SESSION = {"PGOPTIONS": "-c lc_messages=C -c synchronous_commit=off"}


def run_pg_restore(
    work: Work,
    database: str,
    wanted: Callable[[TocEntry], bool],
    *options: str,
) -> tuple[RestoreErrors, str]:
    """Restore the wanted entries into a database and return what went wrong, with the tail.

    Raises:
        StepFailed: the dump is not the approved one, before or after it was restored; or the disk
            is nearly full.
        RunCancelled: somebody asked to stop; pg_restore has been ended in the server.
    """
    return restore_phases(work, database, cut(filter(wanted, work.toc.entries), 1), *options)


def restore_phases(
    work: Work, database: str, phases: Iterable[Phase], *options: str
) -> tuple[RestoreErrors, str]:
    """Restore phase after phase, up to the first with a fatal error; see `run_pg_restore`."""
    _stop_if_changed(work)
    phases = tuple(phases)
    progress = RestoreProgress(e for phase in phases for e in phase.entries)
    call = _Call(work, database, options, progress)
    errors = RestoreErrors()
    with guarded(work) as guard:
        for phase in phases:
            errors += call.restore(phase)
            guard.stop_if_ended()
            if errors.fatal:
                break
    _stop_if_changed(work)
    return errors, "\n".join(call.tail)


def remove_list(work: Work) -> None:
    """Remove the list file, where the server or the engine went away before that could be done."""
    work.dump.remove(_list_path(work))


def _list_path(work: Work) -> str:
    return f"{work.cluster.setting('data_directory')}/tsbot-{work.plan.run_id}.list"


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


@dataclass
class _Call:
    """Calls pg_restore and takes its lines: errors, progress and the tail."""

    work: Work
    database: str
    options: tuple[str, ...]
    progress: RestoreProgress
    tail: list[str] = field(default_factory=list, init=False)
    _errors: ErrorCollector = field(default_factory=ErrorCollector, init=False)
    _discretion: Discretion = field(default_factory=Discretion, init=False)

    def restore(self, phase: Phase) -> RestoreErrors:
        """Restore one phase; a session that is ended shows as a fatal error."""
        self._errors, self._discretion = ErrorCollector(), Discretion()
        self.progress.enter(phase)
        plan = self.work.plan
        listing = self._write_list(phase)
        try:
            result = self.work.host.execute(
                plan.container.id,
                self._argv(phase, listing),
                user=plan.target.exec_user,
                env={"PGAPPNAME": application_name(plan), **_SESSION, **PLAIN},
                on_line=self._take,
            )
        finally:
            with suppress(Unavailable, EngineRefused):  # must not hide what happened
                self.work.dump.remove(listing)
        self.progress.leave(phase)
        return self._errors.verdict(result.exit_code)

    def _write_list(self, phase: Phase) -> str:
        path = _list_path(self.work)
        self.work.cluster.write_file(path, list_file(phase.entries).encode())
        return path

    def _argv(self, phase: Phase, listing: str) -> tuple[str, ...]:
        target = self.work.plan.target
        owners = ("--no-owner", "--no-acl") if target.ownership is Ownership.GUIDE else ()
        return (
            "pg_restore",
            "--verbose",
            "--no-password",
            f"--username={target.superuser}",
            f"--dbname={self.database}",
            f"--use-list={listing}",
            *((f"--jobs={phase.jobs}",) if phase.jobs > 1 else ()),
            *owners,
            *self.options,
            self.work.plan.backup.file.path,
        )

    def _take(self, stream: Stream, line: str) -> None:
        if stream is not Stream.ERR:
            return
        self._errors.take(line)
        shown = self._discretion.shown(line)
        if _ROUTINE.match(line) is None and shown.strip():
            self.tail = [*self.tail, shown][-_TAIL_LINES:]
            self.work.output((shown,))
        step = self.progress.take(line)
        if step:
            self.work.progress(*step)
