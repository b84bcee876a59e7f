"""The person at the terminal: who they are, how they approve and cancel, without Slack."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from bot.core import events as ev
from bot.core.audit import Draft
from bot.core.audit import Phase as AuditPhase
from bot.core.change_plan import ChangePlan
from bot.core.errors import AuditUnavailable, GateNotPassed, Refused
from bot.core.journal import Journal
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.ports import AuditLog
from bot.core.redaction import safe_line

_OWED = 2.0  # seconds between tries to write to a log that could not be written
_GIVE_UP = "Ctrl-C gives up; the owed entries are then in no log but this output."


@dataclass
class OperatorGate:
    """The gate without Slack: whoever sits at the terminal decides, and the log says so.

    Args:
        journal: the run's log.
        yes: whether the answer was given on the command line.
        operator: who sits there, where that is not who asked for the run.
    """

    journal: Journal
    yes: bool
    operator: Person | None = None

    def foresee(self, plan: Plan) -> None:
        """Do nothing: whoever decides has just asked for it."""

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        """Ask once, for the target's name; a mere yes is typed too easily.

        Raises:
            GateNotPassed: anything else was typed, or there is no terminal.
        """
        agreed, who = self.yes or _asked(plan), self.operator or requester
        self.journal.record(
            ev.GateClosed(
                run_id=plan.run_id,
                at=self.journal.clock.now(),
                outcome="approved" if agreed else "vetoed",
                sentence="by the operator on the command line, without Slack",
                digest=plan.digest(),
                approvers=(who,) if agreed else (),
            )
        )
        if not agreed:
            raise GateNotPassed("vetoed", "it was not confirmed; --yes approves it beforehand")
        return (who,)


def _asked(plan: Plan | ChangePlan) -> bool:
    """Ask on the terminal.

    Raises:
        GateNotPassed: Ctrl-C, Ctrl-D or SIGTERM instead of an answer.
    """
    name = plan.target.name
    what = plan.operation if isinstance(plan, ChangePlan) else "restore"
    if not sys.stdin.isatty():
        return False
    try:
        with _handling_signals(signal.default_int_handler):
            answer = input(f"Type {name} to {what} it, anything else to leave it: ")
    except (KeyboardInterrupt, EOFError) as error:
        raise GateNotPassed("cancelled", "cancelled at the question") from error
    return answer.strip() == name


@contextmanager
def refusal_logged(
    log: AuditLog, who: Person, command: str, *, target: str = "", backup: str = ""
) -> Iterator[None]:
    """Log what is refused before there is a run to log it with."""
    try:
        yield
    except Refused as refusal:
        log.append(
            Draft(
                "command",
                AuditPhase.NOTE,
                "refused",
                actor_id=who.id,
                actor_name=who.name,
                channel="cli",
                target=target,
                backup=backup,
                arguments=command_line(),
                detail={"command": command, "code": refusal.code, "sentence": refusal.sentence},
            )
        )
        raise


def settled(journal: Journal, cancelled: threading.Event) -> None:
    """Wait until the log has taken what it owes; the entries of a run that has ended among them.

    Ctrl-C, SIGTERM and the terminal's end give up; what is not in the log then was printed.

    Args:
        journal: the run's log.
        cancelled: set by those signals.
    """
    told = False
    cancelled.clear()  # it was about the run
    while not cancelled.is_set():
        try:
            journal.settle()
        except AuditUnavailable as error:
            if not told:
                _say(f"{safe_line(f'Waiting for the audit log: {error}')} {_GIVE_UP}")
                told = True
            cancelled.wait(_OWED)
        else:
            return


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone; the entries are owed all the same
        sys.stderr.write(f"{line}\n")


@contextmanager
def cancel_by_signal() -> Iterator[threading.Event]:
    """Let Ctrl-C, SIGTERM and the terminal's end cancel at the next safe point instead of breaking
    off."""
    cancelled = threading.Event()
    with _handling_signals(lambda *_: cancelled.set()):
        yield cancelled


@contextmanager
def _handling_signals(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle Ctrl-C, SIGTERM and the terminal's end, unless nohup ignores it, so meanwhile."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {n: signal.signal(n, handler) for n in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def command_line() -> str:
    """Return what was typed, for the log."""
    return " ".join(sys.argv[1:])


def whoever() -> Person:
    """Return the person at the terminal; behind sudo the one who called it."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    return Person(f"cli:{name}", name)
