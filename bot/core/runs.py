"""The runs at work in this process: each in a thread of its own, reachable by its id."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.core.door import Door
from bot.core.gate import SlackGate
from bot.core.interrupted import Unfinished
from bot.core.models import Person

logger = logging.getLogger(__name__)

_WAY_WITHIN = 10.0
"""Seconds for a run that gives way to end; its gate's message is painted over meanwhile."""


@dataclass
class ActiveRun:
    """A run that has not ended.

    Args:
        run_id: its id.
        target: the target's name.
        requester: who may cancel it, beside the approvers.
        cancelled: set by whoever cancels it.
        gate: where it waits, None for runs without one.
        yields: whether it gives way at its gate to whatever a person asks for.
    """

    run_id: str
    target: str
    requester: Person
    cancelled: threading.Event
    gate: SlackGate | None = None
    yields: bool = False


@dataclass
class Runs:
    """Starts runs and passes on what concerns them; safe to use from many threads."""

    _active: dict[str, ActiveRun] = field(default_factory=dict, init=False)
    _threads: dict[str, threading.Thread] = field(default_factory=dict, init=False)
    _stalled: dict[str, Unfinished] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    deciding: threading.Lock = field(default_factory=threading.Lock, init=False)
    """Held while an interrupted run is decided on, so that two people at once decide once."""
    door: Door = field(default_factory=Door, init=False)
    """Shut when the bot stops: what is at a gate by then stays there."""

    def stall(self, run: Unfinished) -> None:
        """Remember a run that was interrupted and waits for somebody to decide."""
        with self._lock:
            self._stalled[run.run_id] = run

    def settle(self, run_id: str) -> Unfinished | None:
        """Forget a run that waited for somebody to decide, and return it; None for others."""
        with self._lock:
            return self._stalled.pop(run_id, None)

    def stalled(self, run_id: str) -> Unfinished | None:
        """Return a run that waits for somebody to decide, None for others."""
        with self._lock:
            return self._stalled.get(run_id)

    def known(self, run_id: str) -> bool:
        """Whether a run is at work here, or waits for somebody to decide."""
        with self._lock:
            return run_id in self._active or run_id in self._stalled

    def start(self, run: ActiveRun, work: Callable[[], None]) -> None:
        """Begin a run; ``work`` ends it whatever happens."""
        thread = threading.Thread(
            target=self._guarded, args=(run, work), name=f"run-{run.run_id}", daemon=True
        )
        with self._lock:
            self._active[run.run_id] = run
            self._threads[run.run_id] = thread
        thread.start()

    def find(self, run_id: str) -> ActiveRun | None:
        """Return a run that has not ended, None for others."""
        with self._lock:
            return self._active.get(run_id)

    def at_work(self) -> tuple[ActiveRun, ...]:
        """Return all runs that have not ended, those at a gate among them."""
        with self._lock:
            return tuple(self._active.values())

    def busy(self) -> tuple[str, ...]:
        """Return the ids of the runs that must not be broken off; those at a gate may be."""
        with self._lock:
            return tuple(r.run_id for r in self._active.values() if not _at_gate(r))

    def cancel(self, run_id: str) -> bool:
        """Ask a run to stop at its next safe point and return whether it is still at work."""
        run = self.find(run_id)
        if run is None:
            return False
        run.cancelled.set()
        if run.gate is not None:
            run.gate.wake()
        return True

    def make_way(self, target: str) -> None:
        """Cancel a run that waits for approvers and gives way, and wait until it has ended."""
        for run in self.at_work():
            if run.target == target and run.yields and _at_gate(run):
                self.cancel(run.run_id)
                with self._lock:
                    thread = self._threads.get(run.run_id)
                if thread is not None:
                    thread.join(_WAY_WITHIN)

    def hint(self, channel: str, ts: str) -> None:
        """Let a gate look again, if the reaction was made on its message."""
        with self._lock:
            gates = [run.gate for run in self._active.values() if run.gate is not None]
        for gate in gates:
            gate.hint(channel, ts)

    def join(self, timeout: float) -> bool:
        """Wait until all runs have ended and return whether they have."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in threads)

    def _guarded(self, run: ActiveRun, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # the last line of defence of a thread: nobody else would see it
            logger.exception("run %s broke off", run.run_id)
        finally:
            with self._lock:
                self._active.pop(run.run_id, None)
                self._threads.pop(run.run_id, None)


def _at_gate(run: ActiveRun) -> bool:
    return run.gate is not None and run.gate.waiting
