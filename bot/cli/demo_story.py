"""What happens in the demo: one person asks, another approves, and everything is printed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.audit import Entry, Query
from bot.core.journal import event_of
from bot.sandbox.demo.world import APPROVER, CHANNEL, REQUESTER, World
from bot.sandbox.slack import Person

COMMAND = "/restore latest reason=show how it works"
_TIMEOUT = 120.0
"""Seconds the whole run may take."""

_LOOK = 0.1
"""Seconds between looks at the log."""


@dataclass(frozen=True, slots=True)
class Story:
    """Acts as two people and prints what the bot logs.

    Args:
        world: in which.
        out: where to.
    """

    world: World
    out: TextIO

    def tell(self) -> bool:
        """Run a restore from request to checklist and return whether every point is green.

        Raises:
            TimeoutError: the run did not end.
        """
        self._say(f"{REQUESTER} types: {COMMAND}")
        Person(self.world.workspace, REQUESTER).command(COMMAND, CHANNEL)
        screen = TerminalPresenter(self.out)
        finished = None
        for event in self._events():
            screen.show(event)
            if isinstance(event, ev.GateOpened):
                self._approve(event)
            if isinstance(event, ev.RunFinished):
                finished = event
                break
        if finished is None:
            raise TimeoutError(f"the run did not end within {_TIMEOUT:.0f} s")
        self._audit_trail(finished.run_id)
        return finished.outcome == "succeeded"

    def _approve(self, gate: ev.GateOpened) -> None:
        self._say(f"{APPROVER} reads the approval message and reacts with a check mark")
        person = Person(self.world.workspace, APPROVER)
        person.react("white_check_mark", gate.channel, gate.ts)

    def _events(self) -> Iterator[ev.Event]:
        """Yield the run's events as they are logged, until the time is up."""
        seen = 0
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            entries = self._entries()
            for entry in entries[seen:]:
                event = event_of(entry)
                if event is not None:
                    yield event
            seen = len(entries)
            time.sleep(_LOOK)

    def _entries(self) -> tuple[Entry, ...]:
        store = AuditStore(self.world.audit, SystemClock(), writable=False)
        try:
            return store.log.entries(Query())
        finally:
            store.close()

    def _audit_trail(self, run_id: str) -> None:
        """Print who asked, who approved and what was done, from the log alone."""
        self._say(f"\nThe audit log of run {run_id}:")
        for entry in self._entries():
            draft = entry.draft
            if draft.run_id != run_id:
                continue
            what = f"{draft.action} {draft.phase.value} {draft.status}".strip()
            self._say(f"  {entry.id:>4}  {entry.at:%H:%M:%S}  {draft.actor_name:<6}  {what}")
        store = AuditStore(self.world.audit, SystemClock(), writable=False)
        try:
            verified = store.log.verify()
        finally:
            store.close()
        state = "intact" if verified.intact else f"BROKEN: {verified.problem}"
        self._say(f"  the hash chain of {verified.entries} entries is {state}")

    def _say(self, line: str) -> None:
        self.out.write(f"{line}\n")
        self.out.flush()
