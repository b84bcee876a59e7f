"""When a gate reminds its approvers and when it expires, also after a restart of the bot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.approvals import GateNotice
from bot.core.audit import Deadline
from bot.core.ports import Clock, Deadlines, Timers


@dataclass(frozen=True, slots=True)
class GateTimes:
    """The times of one run's gates.

    Args:
        clock: time.
        timers: call at those times.
        deadlines: keep them where a restart finds them.
    """

    clock: Clock
    timers: Timers
    deadlines: Deadlines

    def arm(
        self, notice: GateNotice, expire: Callable[[], None], remind: Callable[[], None]
    ) -> None:
        """Call at both times; a reminder whose time has passed is left out.

        Args:
            notice: says when.
            expire: called at the end.
            remind: called half-way.
        """
        run_id = notice.plan.run_id
        self.deadlines.put(Deadline(_key(run_id), run_id, notice.expires_at))
        self.timers.at(notice.expires_at, _key(run_id), expire)
        half = notice.opened_at + (notice.expires_at - notice.opened_at) / 2
        if half > self.clock.now():
            self.timers.at(half, f"reminder:{run_id}", remind)

    def forget(self, run_id: str) -> None:
        """Call at neither time any more."""
        for key in (_key(run_id), f"reminder:{run_id}"):
            self.timers.cancel(key)
        self.deadlines.remove(_key(run_id))


def _key(run_id: str) -> str:
    return f"gate:{run_id}"
