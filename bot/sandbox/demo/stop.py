"""Where the demo may be stopped: between its steps, never in the middle of one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


class Stop:
    """Whether somebody wants the demo to end.

    A signal only leaves a note here, so that none can break off the taking down of what was set
    up, or come between the making of a thing and the noting that it has to go.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._bell: SimpleQueue[None] = SimpleQueue()  # its put() may be called from a handler

    def ask(self, *_: object) -> None:
        """Leave the note; may be used as a signal's handler."""
        self._is_asked = True
        self._bell.put(None)

    def check(self) -> None:
        """Go on, unless somebody asked to stop. Raises KeyboardInterrupt then."""
        if self._is_asked:
            raise KeyboardInterrupt

    def wait(self, seconds: float | None = None) -> None:
        """Wait for a time, or for ever. Raises KeyboardInterrupt as soon as somebody asks."""
        self.check()
        with suppress(Empty):
            self._bell.get(timeout=seconds)
        self.check()

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM and the terminal's end ask for it meanwhile."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self.ask) for number in numbers}
        try:
            yield
        finally:
            for number, earlier in before.items():
                signal.signal(number, earlier)
