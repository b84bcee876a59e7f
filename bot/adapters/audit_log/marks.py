"""Which runs' processes live: a locked file each, which the system unlocks whatever ends them."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from bot.core.errors import AuditUnavailable, Refused

_GRACE = 1.0
"""Seconds to try for: whoever looks whether a process lives holds its lock for an instant."""


class RunMarks:
    """The marks of the runs of one audit log, beside it; safe to use from many threads.

    Args:
        audit_path: the log.
    """

    def __init__(self, audit_path: Path) -> None:
        self._audit_path = audit_path
        self._ours: dict[str, int] = {}
        self._lock = threading.Lock()

    def put(self, run_id: str) -> None:
        """Say that this process works on a run; again changes nothing.

        Raises:
            Refused: another process does.
            AuditUnavailable: the file cannot be made.
        """
        with self._lock:
            if run_id not in self._ours:
                self._ours[run_id] = self._locked(run_id)

    def remove(self, run_id: str) -> None:
        """Take a mark away, also one that a dead process has left."""
        with self._lock:
            mark = self._ours.pop(run_id, None)
            with suppress(OSError):  # an unlocked file says nothing
                self._path(run_id).unlink()
            if mark is not None:
                os.close(mark)

    def alive(self, run_id: str) -> bool:
        """Whether a process works on a run, this one included.

        Raises:
            AuditUnavailable: the file cannot be looked at.
        """
        try:
            mark = os.open(self._path(run_id), os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unavailable(run_id, error) from error
        try:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(mark)
        return False

    def close(self) -> None:
        """Unlock what is locked still, as the end of the process would."""
        with self._lock:
            for mark in self._ours.values():
                os.close(mark)
            self._ours.clear()

    def _locked(self, run_id: str) -> int:
        deadline = time.monotonic() + _GRACE
        while True:
            mark = self._opened(run_id)
            if _taken(mark) and _is_at(mark, self._path(run_id)):
                return mark
            os.close(mark)
            if time.monotonic() > deadline:
                raise Refused("at_work", f"Another process works on run {run_id}.")
            time.sleep(0.01)

    def _opened(self, run_id: str) -> int:
        """Open the file, the log's owner's also where root has typed the command."""
        try:
            owner = self._audit_path.stat()
            mark = os.open(self._path(run_id), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise self._unavailable(run_id, error) from error
        with suppress(PermissionError):  # it is not ours to give, then
            os.fchown(mark, owner.st_uid, owner.st_gid)
        return mark

    def _path(self, run_id: str) -> Path:
        return self._audit_path.with_suffix(f".{run_id}.alive")

    def _unavailable(self, run_id: str, error: OSError) -> AuditUnavailable:
        return AuditUnavailable(f"The mark {self._path(run_id)} is unavailable: {error.strerror}.")


def _is_at(mark: int, path: Path) -> bool:
    """Whether the open file still has that name: somebody may just have taken the mark away."""
    try:
        return os.path.samestat(os.fstat(mark), path.stat())
    except FileNotFoundError:
        return False


def _taken(mark: int) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
