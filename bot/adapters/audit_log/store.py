"""The audit database as one thing to open and close."""

from __future__ import annotations

from pathlib import Path

from bot.adapters.audit_log.file import AuditFile
from bot.adapters.audit_log.log import SqliteAuditLog
from bot.adapters.audit_log.marks import RunMarks
from bot.adapters.audit_log.rows import Clean
from bot.adapters.audit_log.tables import SqliteClaims, SqliteDeadlines, SqliteDeliveries
from bot.core.ports.time import Clock
from bot.core.redaction import Secrets


class AuditStore:
    """The log, the claims, the deliveries and the deadlines in one file.

    Safe to use from many threads, and from several processes on the same file.

    Args:
        path: the SQLite file, made with mode 0600 where it is missing; its directory must exist.
        clock: gives entries and deliveries their times.
        clean: removes secrets from every text of an entry; by default, what looks like one.
        writable: False reads an existing log, also while the bot writes to it.
        busy_timeout: seconds to wait for another process's write.

    Raises:
        AuditUnavailable: the file cannot be opened or created, or is no audit log.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        clean: Clean | None = None,
        *,
        writable: bool = True,
        busy_timeout: float = 10.0,
    ) -> None:
        self._file = AuditFile(Path(path), writable=writable, busy_timeout=busy_timeout)
        self.log = SqliteAuditLog(self._file, clock, clean or Secrets().clean)
        self._marks = RunMarks(Path(path))
        self.claims = SqliteClaims(self._file, self._marks)
        self.deliveries = SqliteDeliveries(self._file, clock)
        self.deadlines = SqliteDeadlines(self._file)

    def close(self) -> None:
        """Close the file; every later write raises AuditUnavailable, and no run counts as alive."""
        self._file.close()
        self._marks.close()
