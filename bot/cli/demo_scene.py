"""A scene of the demo: one person types a command, another approves, and the run is printed."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.demo_screen import Screen
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.audit import Entry, Query
from bot.core.journal import event_of
from bot.core.ports import AuditLog
from bot.core.wording import counted
from bot.sandbox.demo.application import EVERY
from bot.sandbox.demo.stop import Stop
from bot.sandbox.demo.uses import longest_gap, uses
from bot.sandbox.demo.world import APPROVER, CHANNEL, READER, REQUESTER, DemoFailed, World
from bot.sandbox.slack import Person

_TIMEOUT = 120.0
"""Seconds the whole run may take."""

_LOOK = 0.1
"""Seconds between looks at the log."""

_READS_AGAIN = 20.0
"""Seconds a reader may take to be back after a run that ended well."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the demo ended.

    Args:
        run: its end, as it was logged.
        missed: seconds the reader could not read at a stretch; None where the run did not succeed.
    """

    run: ev.RunFinished
    missed: float | None

    @property
    def good(self) -> bool:
        """Whether it succeeded, all points green."""
        return self.run.outcome == "succeeded"


@dataclass(frozen=True, slots=True)
class Scene:
    """Acts as two people and prints what the bot logs.

    Args:
        world: in which.
        screen: where to.
        stop: asked while it waits.
    """

    world: World
    screen: Screen
    stop: Stop

    def play(self, command: str) -> Ended:
        """Type a command, approve what it asks for, and return how the run ended.

        Raises:
            DemoFailed: the run did not end, or the bot did.
            KeyboardInterrupt: somebody asked to stop.
        """
        began = time.time()
        person = Person(self.world.workspace, REQUESTER)
        told, logged = len(person.ephemerals(CHANNEL)), len(entries(self.world))
        self.screen.say(f"{REQUESTER} types: {command}")
        if not person.command(command, CHANNEL).acked:
            raise DemoFailed("the bot did not take the command")
        finished = self._watch(self._events(logged, told), began)
        missed = self._missed(began) if finished.outcome == "succeeded" else None
        return Ended(finished, missed)

    def _watch(self, events: Iterator[ev.Event], began: float) -> ev.RunFinished:
        planned: list[str] = []
        for event in events:
            lines = _lines(event)
            if isinstance(event, ev.RunPlanned):  # again, with the evidence: only what is new
                lines, planned = [each for each in lines if each not in planned], lines
            for line in lines:
                self.screen.say(line)
            if isinstance(event, ev.ApprovalForeseen):
                self.screen.say(
                    "The approvers are told now that they will be asked once the copy is compared"
                )
            if isinstance(event, ev.GateOpened):
                self._undisturbed(began)
                self._approve(event)
            if isinstance(event, ev.RunFinished):
                return event
        raise DemoFailed(f"the run did not end within {_TIMEOUT:.0f} s")

    def _undisturbed(self, began: float) -> None:
        """Print what the reader has felt so far."""
        reads = uses(self.world.application(READER).log, began)
        self.screen.say(
            f"{READER} has read {counted(len(reads), 'time')} meanwhile, "
            f"never more than {longest_gap(reads):.1f} s apart"
        )

    def _approve(self, gate: ev.GateOpened) -> None:
        self.screen.say(f"{APPROVER} reads the approval message and reacts with a check mark")
        person = Person(self.world.workspace, APPROVER)
        person.react("white_check_mark", gate.channel, gate.ts)

    def _missed(self, began: float) -> float:
        """Return how long the reader could not read, and print it."""
        reader = self.world.application(READER).log
        now = time.time()
        deadline = time.monotonic() + _READS_AGAIN
        while uses(reader, now)[-1:] < [now]:
            if time.monotonic() > deadline:
                raise DemoFailed(f"{READER} does not read again")
            self.stop.wait(_LOOK)
        missed = longest_gap(uses(reader, began))
        self.screen.say(
            f"{READER}, which reads every {EVERY['reader']} s, could not read for {missed:.1f} s"
        )
        return missed

    def _events(self, logged: int, told: int) -> Iterator[ev.Event]:
        """Yield the run's events as they are logged, until the time is up."""
        run_id = ""
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            new = entries(self.world)[logged:]
            logged += len(new)
            for entry in new:
                run_id = run_id or entry.draft.run_id
                event = event_of(entry) if entry.draft.run_id == run_id else None
                if event is not None:
                    yield event
            self._check(run_id, told)
            self.stop.wait(_LOOK)

    def _check(self, run_id: str, told: int) -> None:
        """Go on while the bot runs and has not answered with a refusal instead of a run."""
        self.world.check()
        answers = Person(self.world.workspace, REQUESTER).ephemerals(CHANNEL)[told:]
        if answers and not run_id:
            raise DemoFailed(f"the bot answered {REQUESTER}: {answers[-1].text}")


def _lines(event: ev.Event) -> list[str]:
    """Return an event as `tsbot restore` prints it."""
    text = io.StringIO()
    TerminalPresenter(text).show(event)
    return text.getvalue().splitlines()


@contextmanager
def log(world: World) -> Iterator[AuditLog]:
    """Read the bot's audit log."""
    store = AuditStore(world.audit, SystemClock(), writable=False)
    try:
        yield store.log
    finally:
        store.close()


def entries(world: World) -> tuple[Entry, ...]:
    """Return all that is in it, oldest first."""
    with log(world) as it:
        return it.entries(Query())
