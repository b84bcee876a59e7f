"""Deadlines in memory; they are armed again from the audit database after a restart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

_DEFAULTS = {
    "misfire_grace_time": None,  # a missed deadline fires at once instead of being dropped
    # A call that arms its own key again may still be running when the new time comes; APScheduler
    # would drop the second call otherwise.
    "max_instances": 1000,
}


class _Pool(BasePoolExecutor):  # type: ignore[misc] # APScheduler 3 has no types
    """Runs calls on threads that we, not APScheduler, wait for."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        super().__init__(threads)


class BackgroundTimers:
    """Implements the port Timers; calls come on threads of a pool.

    An exception of a call is logged by APScheduler and ends that call only.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(thread_name_prefix="timer")
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults=_DEFAULTS, executors={"default": _Pool(self._threads)}
        )
        self._scheduler.start()

    def at(self, when: datetime, key: str, call: Callable[[], None]) -> None:
        """Call once at ``when``, at once where that is past; the same key replaces an earlier one.

        Raises:
            ValueError: ``when`` has no zone.
        """
        if when.tzinfo is None:
            raise ValueError(f"the time of {key} has no zone: {when}")
        self._scheduler.add_job(
            call, "date", run_date=when.astimezone(UTC), id=key, replace_existing=True
        )

    def cancel(self, key: str) -> None:
        """Forget a key; no effect where it is unknown or its call has begun."""
        try:
            self._scheduler.remove_job(key)
        except JobLookupError:
            return

    def close(self) -> None:
        """Forget everything and wait for calls that have begun; not from within a call."""
        if not self._scheduler.running:
            return
        # Stopped in the middle of a round, APScheduler 3.11 fails to remove what it has just
        # submitted: the round ends first, and the next ones find nothing.
        self._scheduler.pause()
        self._scheduler.remove_all_jobs()
        # Its own waiting holds the lock that a call needs to arm a deadline, so we wait ourselves.
        self._scheduler.shutdown(wait=False)
        self._threads.shutdown(wait=True)
