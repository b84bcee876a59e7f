"""The file: how it is opened, written to by many threads and processes, and read meanwhile.

One guarded connection writes, each transaction BEGIN IMMEDIATE. Every read has a connection of
its own, so that a long one (an export, a verification) never holds up an entry: WAL gives it a
snapshot.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from bot.adapters.audit_log import schema
from bot.core.errors import AuditUnavailable

_EFFECTIVE = os.access in os.supports_effective_ids


class AuditFile:
    """The open file.

    Args:
        path: the file; its directory must exist.
        writable: False opens an existing log for reading only, also while the bot writes.
        busy_timeout: seconds to wait for another process's transaction.

    Raises:
        AuditUnavailable: it cannot be opened or created, or is something else.
    """

    def __init__(self, path: Path, *, writable: bool, busy_timeout: float = 10.0) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()
        self._writer: Database | None = None
        if not path.parent.is_dir():
            raise AuditUnavailable(
                f"The audit log's directory {path.parent} does not exist; create it, owned by the "
                "user tsbot runs as."
            )
        if writable:
            self._create_file()
            self._writer = self._open_writer()
            self._inode = path.stat().st_ino
        else:
            self._check_readable()

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Hold a write transaction: committed to the disk on leaving, rolled back on an error."""
        with self._lock, self._translated():
            db = self._writer
            if db is None:
                raise AuditUnavailable(f"The audit log {self.path} is not open for writing.")
            self._check_still_there()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    db.rollback()
                raise

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Hold a snapshot on a connection of its own."""
        with self._translated(), closing(self._connect_reader()) as connection:
            db = Database(connection, execute_plugins=False)
            db.execute("BEGIN")
            yield db

    def close(self) -> None:
        """Close the writing connection; closing twice is harmless."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None

    def _create_file(self) -> None:
        # ahead of SQLite, which would take the umask's mode; -wal and -shm follow the file's own
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise AuditUnavailable(
                f"The audit log {self.path} cannot be created: {error.strerror}."
            ) from error

    def _open_writer(self) -> Database:
        with self._translated():
            connection = sqlite3.connect(
                self.path,
                timeout=self._busy_timeout,
                isolation_level=None,  # transactions are ours to begin
                check_same_thread=False,  # guarded by the lock
            )
            db = Database(connection, execute_plugins=False)
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            return db

    def _prepare(self, db: Database) -> None:
        db.execute("BEGIN IMMEDIATE")
        if schema.is_empty(db):
            schema.create(db)
        self._check_schema(db)
        if found := schema.not_the_table(db):
            raise AuditUnavailable(f"{self.path} cannot be written. {found}")
        # SQLite opens what it may not write without a word; the version again is a real write
        db.execute(f"PRAGMA user_version = {schema.VERSION}")
        db.execute("COMMIT")
        self._enter_wal(db)
        db.execute("PRAGMA synchronous = FULL")

    def _enter_wal(self, db: Database) -> None:
        # SQLite does not call its busy handler for this switch
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _check_readable(self) -> None:
        if not self.path.exists():
            raise AuditUnavailable(f"There is no audit log at {self.path}.")
        with self.reading() as db:
            self._check_schema(db)

    def _check_schema(self, db: Database) -> None:
        if found := schema.problem(db):
            raise AuditUnavailable(f"{self.path} {found}.")

    def _check_still_there(self) -> None:
        # SQLite would go on writing to a file that nobody can open any more
        try:
            inode = self.path.stat().st_ino
        except OSError:
            inode = -1
        if inode != self._inode:
            raise AuditUnavailable(
                f"The audit log {self.path} was removed or replaced while tsbot had it open; put "
                "it back or restart tsbot."
            )

    def _connect_reader(self) -> sqlite3.Connection:
        # A WAL file needs its -shm; where neither exists nor can be made, nobody writes either
        wal = self.path.with_name(f"{self.path.name}-wal")
        may_write = os.access(self.path.parent, os.W_OK, effective_ids=_EFFECTIVE)
        frozen = not wal.exists() and not may_write
        mode = "mode=ro&immutable=1" if frozen else "mode=ro"
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?{mode}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
        )
        # bytes that are no UTF-8 were not written by us: let the hash tell, not an exception
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "not a database" in str(error):
                raise AuditUnavailable(f"{self.path} is not a tsbot audit log.") from error
            raise AuditUnavailable(f"The audit log {self.path} is unavailable: {error}.") from error
