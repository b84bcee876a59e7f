"""The process's own log, on standard error: cleaned of secrets, whoever put them into a message."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from bot.core.redaction import Secrets

logger = logging.getLogger("tsbot")

VERBOSE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PLAIN = "%(message)s"


class CleanFormatter(logging.Formatter):
    """Cleans a record as it is written: its message, its arguments and its traceback.

    Libraries log DSNs, headers and addresses with tokens in them; this is the last place where
    all of them come by.

    Args:
        form: as of `logging.Formatter`.
        secrets: what must not be written.
    """

    def __init__(self, form: str, secrets: Secrets) -> None:
        super().__init__(form)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text that holds no secret and no terminal escape."""
        return self._secrets.clean(super().format(record))


def log_to_stderr(secrets: Secrets, *, verbose: bool) -> None:
    """Write the log to standard error from now on, uncaught exceptions included.

    Where somebody else takes the log already, it stays theirs.

    Args:
        secrets: what must not be written.
        verbose: with times, and from INFO on; else the bare messages from WARNING on.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter(VERBOSE if verbose else PLAIN, secrets))
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)  # says nothing of ours
    else:
        logger.critical("tsbot broke off", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and found.exc_type is not SystemExit:
        trace = (found.exc_type, found.exc_value, found.exc_traceback)
        logger.critical("a thread broke off", exc_info=trace)
