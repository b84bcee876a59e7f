"""Ends pg_restore when somebody asks to stop, and before it fills the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bot.core.errors import RunCancelled, StepFailed, TsbotError
from bot.core.plan import Plan
from bot.core.steps.stage import Work
from bot.core.wording import size

_LOOK_EVERY = 0.5  # seconds between looks for a wish to stop
_LOOKS_A_MEASURE = 20  # looks between two measures of the disk


def application_name(plan: Plan) -> str:
    """Return the application_name of this run's pg_restore, to find and to end it by."""
    return f"tsbot-restore-{plan.run_id}"


@contextmanager
def guarded(work: Work) -> Iterator[Guard]:
    """Watch over pg_restore, all its sessions and calls, until the block ends.

    Docker cannot end an exec, and pg_restore outlives its client. One table can take hours
    without a line, so lines are no occasion to look; and a session may just be opening, so ending
    them is repeated until pg_restore has ended.

    Raises:
        StepFailed: the disk is too full to begin.
    """
    guard = Guard(work)
    guard.measure()
    guard.stop_if_ended()
    done = threading.Event()
    thread = threading.Thread(target=guard.watch, args=[done], name="guard-restore", daemon=True)
    thread.start()
    try:
        yield guard
    finally:
        done.set()
        thread.join()


@dataclass
class Guard:
    """Looks for a reason to end pg_restore, and ends it.

    Args:
        work: the run; after its cut-over it is too late to end anything.
    """

    work: Work
    _short: int | None = field(default=None, init=False)  # bytes that were free when too few were

    def stop_if_ended(self) -> None:
        """Say why pg_restore was ended, or is not to go on.

        Raises:
            StepFailed: the disk was nearly full.
            RunCancelled: somebody asked to stop.
        """
        if self._short is not None:
            raise StepFailed(
                f"pg_restore was ended to keep the disk from filling up: {size(self._short)} "
                f"({self._short} bytes) are free, and disk_floor is "
                f"{size(self.work.plan.target.disk_floor)}; free room, then ask again"
            )
        if self._to_be_ended():
            raise RunCancelled("pg_restore was ended because the run was cancelled")

    def watch(self, done: threading.Event) -> None:
        """Look again and again until the event is set."""
        looks = 0
        while not done.wait(_LOOK_EVERY):
            looks += 1
            if looks % _LOOKS_A_MEASURE == 0:
                self.measure()
            if self._to_be_ended():
                with suppress(TsbotError):  # tried again in a moment
                    self.work.cluster.terminate_application(application_name(self.work.plan))

    def measure(self) -> None:
        """Look how much room is left where the databases are."""
        floor = self.work.plan.target.disk_floor
        if floor == 0 or self.work.turned:
            return
        with suppress(TsbotError):  # measured again in a moment; a full disk fails by itself
            directory = self.work.cluster.setting("data_directory") or "/"
            [there] = self.work.dump.file_systems(directory)
            if there.free < floor:
                self._short = there.free

    def _to_be_ended(self) -> bool:
        wanted = self._short is not None or self.work.cancelled()
        return wanted and not self.work.turned
