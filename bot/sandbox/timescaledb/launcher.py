"""The launcher: one for the server, it starts and stops a scheduler for each database.

Like the real one it gives a database one chance: a scheduler that has ended stays away until a
message asks for it, or until the launcher or the server is started again. That is why a restore
needs a restart.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bot.sandbox.timescaledb.messages import Mailbox, Message, Verb
from bot.sandbox.timescaledb.scheduler import Scheduler
from bot.sandbox.timescaledb.sessions import Session, worker_session

LAUNCHER = "TimescaleDB Background Worker Launcher"
"""Its application_name, as the real one's."""

REVIVAL = 60.0
"""Seconds until a launcher that was ended comes back. Observed with TimescaleDB 2.22.1."""

LOOK_FOR_NEW = 60.0
"""Seconds between looks for new databases: timescaledb.bgw_launcher_poll_time."""

# A database about to be renamed or dropped is locked like this, while its sessions are waited for.
_DATABASES = """
SELECT d.oid::bigint, d.datname,
       d.datallowconn AND NOT EXISTS (
           SELECT FROM pg_locks l
            WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass
              AND l.objid = d.oid AND l.mode = 'AccessExclusiveLock')
  FROM pg_database d WHERE NOT d.datistemplate
"""

_TRANSACTIONS = "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'virtualxid'"

_SLOTS = "SELECT current_setting('timescaledb.max_background_workers')"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Database:
    name: str
    open: bool  # takes connections, and nobody waits for its sessions to end


class Launcher:
    """Starts and stops schedulers; tick() is to be called a few times a second.

    Args:
        dsn: of the maintenance database, as a superuser.
        data: the server's data directory.
        revival: seconds until it comes back after somebody ended its session.
        deaf: hear no START, as if nobody ever sent one; for showing what a restart is good for.
    """

    def __init__(
        self, dsn: str, data: Path, *, revival: float = REVIVAL, deaf: bool = False
    ) -> None:
        self._dsn = dsn
        self._mailbox = Mailbox(data)
        self._revival = revival
        self._deaf = deaf
        self._session: Session | None = None
        self._not_before = 0.0
        self._next_look = 0.0
        self._slots = 0
        self._schedulers: dict[int, Scheduler | None] = {}  # None: had its chance
        self._waiting: list[Message] = []

    def tick(self) -> None:
        """Look once at messages, databases and jobs; a lost server is tried again later."""
        if self._session is None and not self._open():
            return
        assert self._session is not None
        try:
            self._look(self._session)
        except psycopg.Error as error:
            _log.info("the launcher ends: %s", error)
            self.close()
            self._not_before = time.monotonic() + self._revival

    def close(self) -> None:
        """End all sessions."""
        for scheduler in self._schedulers.values():
            if scheduler is not None:
                scheduler.close()
        self._schedulers.clear()
        self._waiting.clear()
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def _open(self) -> bool:
        if time.monotonic() < self._not_before:
            return False
        try:
            session = worker_session(self._dsn, "postgres", LAUNCHER)
            row = session.execute(_SLOTS).fetchone()
        except psycopg.OperationalError:
            return False
        self._slots = int(row[0]) if row is not None else 0
        self._mailbox.open()
        self._next_look = 0.0
        self._session = session
        return True

    def _look(self, session: Session) -> None:
        messages = tuple(self._mailbox.take())  # first, so that each sender's database is listed
        databases = {
            oid: _Database(name, is_open)
            for oid, name, is_open in session.execute(_DATABASES).fetchall()
        }
        self._step_aside(session, databases)
        for message in messages:
            self._obey(session, message)
        self._start_asked_for(session, databases)
        self._start_new(databases)
        for oid, scheduler in self._schedulers.items():
            if scheduler is not None and not scheduler.tick():
                self._schedulers[oid] = None

    def _obey(self, session: Session, message: Message) -> None:
        if message.verb is Verb.STOP:
            self._stop(session, message.database)
            self._waiting = [m for m in self._waiting if m.database != message.database]
        elif not self._deaf:
            self._waiting.append(message)

    def _start_new(self, databases: dict[int, _Database]) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_FOR_NEW
        for oid, database in databases.items():
            if oid not in self._schedulers:
                self._start(oid, database)

    def _step_aside(self, session: Session, databases: dict[int, _Database]) -> None:
        for oid in list(self._schedulers):
            if oid not in databases:
                self._stop(session, oid)
                del self._schedulers[oid]
            elif not databases[oid].open:
                self._stop(session, oid)

    def _start_asked_for(self, session: Session, databases: dict[int, _Database]) -> None:
        if not self._waiting:
            return
        going_on = {row[0] for row in session.execute(_TRANSACTIONS).fetchall()}
        due = [m for m in self._waiting if m.sender not in going_on]
        self._waiting = [m for m in self._waiting if m.sender in going_on]
        for message in due:
            database = databases.get(message.database)
            if database is not None and self._schedulers.get(message.database) is None:
                self._start(message.database, database)

    def _start(self, oid: int, database: _Database) -> None:
        self._schedulers[oid] = None
        if not database.open:
            return
        if self._free_slots() < 1:
            _log.warning("no scheduler in %s: too few workers", database.name)
            return
        scheduler = Scheduler(self._dsn, database.name, self._free_slots)
        if scheduler.open():
            self._schedulers[oid] = scheduler

    def _stop(self, session: Session, oid: int) -> None:
        scheduler = self._schedulers.get(oid)
        if scheduler is not None:
            scheduler.close(session)
        self._schedulers[oid] = None

    def _free_slots(self) -> int:
        """Count what timescaledb.max_background_workers leaves; launcher and schedulers count."""
        alive = [s for s in self._schedulers.values() if s is not None]
        return self._slots - 1 - len(alive) - sum(s.running_jobs for s in alive)
