"""The scheduler of one database: starts what is due, each job in a session of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from bot.sandbox.timescaledb.sessions import Session, job_session, worker_session

SCHEDULER = "TimescaleDB Background Worker Scheduler"
"""Its application_name, as the real one's."""

_READY = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
   AND current_setting('timescaledb.restoring', true) IS DISTINCT FROM 'on'
"""

_STATEMENT = "SELECT timescaledb_stand_in.job_statement(%s)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    job: int
    error: str  # empty where it succeeded


class Scheduler:
    """Runs the jobs of one database while it is open.

    Args:
        dsn: of the server, as a superuser who may log in as any role.
        database: the name.
        slots: how many jobs may run at once now.
    """

    def __init__(self, dsn: str, database: str, slots: Callable[[], int]) -> None:
        self._dsn = dsn
        self._database = database
        self._slots = slots
        self._session: Session | None = None
        self._running: set[int] = set()
        self._backends: dict[int, int] = {}  # job to process id, from when it is connected
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()

    @property
    def running_jobs(self) -> int:
        """How many jobs run now."""
        return len(self._running)

    def open(self) -> bool:
        """Connect, and return whether there is something to schedule.

        Without the extension, while restoring is on, or where nobody may connect, there isn't, and
        no session stays open: as the real one it then stays away until it is told to start.
        """
        try:
            session = worker_session(self._dsn, self._database, SCHEDULER)
        except psycopg.OperationalError as error:
            _log.info("no scheduler in %s: %s", self._database, error)
            return False
        if session.execute(_READY).fetchone() != (True,):
            session.connection.close()
            _log.info("no scheduler in %s: no timescaledb, or restoring is on", self._database)
            return False
        session.execute("SELECT timescaledb_stand_in.recover_jobs()")
        self._session = session
        return True

    def tick(self) -> bool:
        """Note what has ended, start what is due; return False where the session is lost."""
        if self._session is None:
            return False
        try:
            self._note_ended(self._session)
            self._start_due(self._session)
        except psycopg.Error as error:
            _log.info("the scheduler in %s ends: %s", self._database, error)
            self.close()
            return False
        return True

    def close(self, launcher: Session | None = None) -> None:
        """End the session, and the jobs' sessions too where the launcher's can do that.

        Nobody waits for them: a job whose end is not noted is due again for the next scheduler.
        """
        if launcher is not None and self._backends:
            pids = list(self._backends.values())
            launcher.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [pids])
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def _note_ended(self, session: Session) -> None:
        while not self._ended.empty():
            ended = self._ended.get()
            self._running.discard(ended.job)
            if ended.error:
                _log.warning("job %s in %s failed: %s", ended.job, self._database, ended.error)
            session.execute(
                "SELECT timescaledb_stand_in.job_finished(%s, %s)", [ended.job, not ended.error]
            )

    def _start_due(self, session: Session) -> None:
        due = session.execute("SELECT * FROM timescaledb_stand_in.due_jobs()").fetchall()
        for job, title, owner in due:
            if job in self._running or self._slots() < 1:
                continue
            session.execute("SELECT timescaledb_stand_in.job_started(%s)", [job])
            self._running.add(job)
            threading.Thread(target=self._run, args=(job, title, owner), daemon=True).start()

    def _run(self, job: int, title: str, owner: str) -> None:
        try:
            with job_session(self._dsn, self._database, owner, title) as connection:
                self._backends[job] = connection.info.backend_pid
                row = connection.execute(_STATEMENT, [job]).fetchone()
                if row is not None and row[0] is not None:
                    connection.execute(row[0].encode())
        except psycopg.Error as error:
            self._ended.put(_Ended(job, str(error).strip() or type(error).__name__))
        else:
            self._ended.put(_Ended(job, ""))
        finally:
            self._backends.pop(job, None)
