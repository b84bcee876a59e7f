"""One bot an audit log: a second one would take the first one's runs for interrupted ones."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.core.errors import AuditUnavailable, Refused


@contextmanager
def sole_bot(audit_path: Path) -> Iterator[None]:
    """Be the only bot with this audit log as long as the context lasts.

    The system itself gives the lock back when a process dies, also of SIGKILL. The command line
    does not take it: its runs hold claims under a name of their own.

    Args:
        audit_path: the log; the lock is a file beside it.

    Raises:
        Refused: another bot serves with it.
        AuditUnavailable: the file cannot be made.
    """
    path = audit_path.with_suffix(".lock")
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise AuditUnavailable(f"The lock {path} cannot be made: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise Refused(
            "second_bot",
            f"Another tsbot serves with the audit log {audit_path}; stop that one first.",
        ) from error
    try:
        yield
    finally:
        os.close(lock)
