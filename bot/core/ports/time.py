"""The ports to time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Timers(Protocol):
    """Calls back at a time, also after the process was restarted (the caller re-arms)."""

    def at(self, when: datetime, key: str, call: Callable[[], None]) -> None:
        """Call once at ``when``; the same key replaces an earlier one."""
        ...

    def cancel(self, key: str) -> None:
        """Forget a key; no effect where it is unknown."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Let that much time pass."""
        ...
