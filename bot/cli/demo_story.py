"""What happens in the demo: one person asks, another approves, and everything is printed."""

from __future__ import annotations

import io
import os
import re
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.audit import Entry, Query
from bot.core.journal import event_of
from bot.sandbox.demo.stop import Stop
from bot.sandbox.demo.world import APPROVER, CHANNEL, REQUESTER, DemoFailed, World
from bot.sandbox.slack import Person

COMMAND = "/restore latest reason=show how it works"
_TIMEOUT = 120.0
"""Seconds the whole run may take."""

_LOOK = 0.1
"""Seconds between looks at the log."""

_NARROWEST = 60
"""Columns below which folding makes lines no easier to read."""

_TEXT_AT = re.compile(r"\d\d:\d\d:\d\d .{9}|  [a-z]{4,9} +|[A-Z][a-z ]{4,8} {3,}| *(?=\S)")
"""What stands before a line's text: time and step, a label, or spaces."""


@dataclass(frozen=True, slots=True)
class Story:
    """Acts as two people and prints what the bot logs.

    Args:
        world: in which.
        out: where to; lines are folded where it is a terminal.
        stop: asked while it waits.
    """

    world: World
    out: TextIO
    stop: Stop = field(default_factory=Stop)

    def tell(self) -> bool:
        """Run a restore from request to checklist and return whether every point is green.

        Raises:
            DemoFailed: the run did not end, or the bot did.
            KeyboardInterrupt: somebody asked to stop.
        """
        self._say(f"{REQUESTER} types: {COMMAND}")
        person = Person(self.world.workspace, REQUESTER)
        if not person.command(COMMAND, CHANNEL).acked:
            raise DemoFailed("the bot did not take the command")
        finished = self._watch()
        self._audit_trail(finished.run_id)
        self._summary(finished)
        return finished.outcome == "succeeded"

    def _watch(self) -> ev.RunFinished:
        text = io.StringIO()
        screen = TerminalPresenter(text)
        for event in self._events():
            screen.show(event)
            for line in text.getvalue().splitlines():
                self._say(line)
            text.seek(0)
            text.truncate()
            if isinstance(event, ev.GateOpened):
                self._approve(event)
            if isinstance(event, ev.RunFinished):
                return event
        raise DemoFailed(f"the run did not end within {_TIMEOUT:.0f} s")

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
            self._check(entries)
            self.stop.wait(_LOOK)

    def _check(self, entries: tuple[Entry, ...]) -> None:
        """Go on while the bot runs and has not answered with a refusal instead of a run."""
        self.world.check()
        answers = Person(self.world.workspace, REQUESTER).ephemerals(CHANNEL)
        if answers and not any(entry.draft.run_id for entry in entries):
            raise DemoFailed(f"the bot answered {REQUESTER}: {answers[-1].text}")

    def _entries(self) -> tuple[Entry, ...]:
        store = AuditStore(self.world.audit, SystemClock(), writable=False)
        try:
            return store.log.entries(Query())
        finally:
            store.close()

    def _audit_trail(self, run_id: str) -> None:
        """Print every action of the run, from the log alone."""
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

    def _summary(self, finished: ev.RunFinished) -> None:
        """Print who asked, who approved and what came of it, from the log alone."""
        drafts = [e.draft for e in self._entries() if e.draft.run_id == finished.run_id]
        asked = [d.actor_name for d in drafts if d.action == "restore"]
        voted = [f"{d.actor_name} ({d.status})" for d in drafts if d.action == "vote"]
        self._say(f"\nAsked by     {', '.join(asked) or 'nobody'}")
        self._say(f"Voted        {', '.join(voted) or 'nobody'}")
        self._say(f"Outcome      {finished.outcome}: {finished.sentence}")

    def _say(self, line: str) -> None:
        lines = [line]
        if self.out.isatty():
            lines = folded(line, os.get_terminal_size(self.out.fileno()).columns)
        self.out.write("".join(f"{each}\n" for each in lines))
        self.out.flush()


def folded(line: str, columns: int) -> list[str]:
    """Break a line that is too wide at its spaces; what follows stands below its text."""
    if len(line) <= columns or columns < _NARROWEST:
        return [line]
    found = _TEXT_AT.match(line)
    indent = found.end() if found else 0
    return textwrap.wrap(
        line,
        columns,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
