"""The way out of the gates, shut when the bot stops: a run leaves before that, or stays."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bot.core.errors import Refused


class Door:
    """Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut = False

    def shut(self) -> None:
        """Let nobody leave any more; who has left by now is known to be at work."""
        with self._lock:
            self._shut = True

    def leave(self, left: Callable[[], None]) -> bool:
        """Leave a gate, unless the door is shut.

        Args:
            left: takes note of it, before anybody can shut the door.
        """
        with self._lock:
            if not self._shut:
                left()
            return not self._shut

    def require_open(self) -> None:
        """Let nobody begin what the end of the process would break off.

        Raises:
            Refused: the bot is about to stop.
        """
        with self._lock:
            if self._shut:
                raise Refused("stopping", "tsbot is being stopped; ask again when it is back.")
