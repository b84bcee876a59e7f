"""Hands heads to a witness in a thread of its own, again and again until it takes them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bot.core.audit import Head
from bot.core.errors import WitnessUnavailable

logger = logging.getLogger(__name__)

MOST = 1000
"""Heads kept for a witness that is away; a later one vouches for the earlier ones too."""

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds between tries

OnTrouble = Callable[[Head, str], None]
"""Told which head was not taken and why, once for each head."""


class Taker(Protocol):
    """What a head is handed to."""

    def take(self, head: Head) -> None:
        """Keep a head. Raises WitnessUnavailable."""
        ...


class PatientWitness:
    """The port Witness: no run waits for it.

    Args:
        taker: where heads go.
        on_trouble: told of each head that has to wait; called in the thread.
        first_wait: seconds after the first failure, doubled up to a minute.
    """

    def __init__(
        self, taker: Taker, on_trouble: OnTrouble, first_wait: float = _FIRST_WAIT
    ) -> None:
        self._taker, self._on_trouble, self._first_wait = taker, on_trouble, first_wait
        self._waiting: deque[Head] = deque(maxlen=MOST)
        self._told: set[Head] = set()
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def note(self, head: Head) -> None:
        """Take a head, to be handed on when there is time."""
        with self._changed:
            self._waiting.append(head)
            self._changed.notify_all()

    def close(self, within: float) -> None:
        """Hand on what waits, for so many seconds at most; what is left is named in the log."""
        with self._changed:
            self._deadline = time.monotonic() + within
            self._changed.notify_all()
        self._thread.join(within)
        with self._changed:
            left = tuple(self._waiting)
        for head in left:
            logger.error("the witness never took the head of entry %d: %s", head.entry, head.hash)

    def _run(self) -> None:
        wait = 0.0
        while (head := self._next(wait)) is not None:
            try:
                self._taker.take(head)
            except WitnessUnavailable as error:
                wait = min(max(wait * 2, self._first_wait), _LONGEST_WAIT)
                logger.warning("the witness did not take entry %d: %s", head.entry, error)
                self._trouble(str(error))
            else:
                wait = 0.0
                self._taken(head)

    def _taken(self, head: Head) -> None:
        self._told.discard(head)
        with self._changed:
            if self._waiting and self._waiting[0] is head:  # else it was given up meanwhile
                self._waiting.popleft()

    def _next(self, wait: float) -> Head | None:
        """Wait for the oldest head and its next try; None when it is time to end."""
        ready = time.monotonic() + wait
        with self._changed:
            while True:
                now = time.monotonic()
                if self._deadline is not None and (not self._waiting or now >= self._deadline):
                    return None
                if self._waiting and now >= ready:
                    return self._waiting[0]
                ends = [ready] if self._waiting else []
                ends += [] if self._deadline is None else [self._deadline]
                self._changed.wait(min(ends) - now if ends else None)

    def _trouble(self, why: str) -> None:
        with self._changed:
            untold = [head for head in self._waiting if head not in self._told]
        for head in untold:
            self._told.add(head)
            try:
                self._on_trouble(head, why)
            except Exception:  # the listener is foreign; its trouble must not end the thread
                logger.exception("the trouble with the witness could not be told")
