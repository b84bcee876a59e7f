"""`tsbot restore`: the same run from the command line, for when Slack is down."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from bot.app import Base, base, witnessing
from bot.cli.process_log import log_to_stderr
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.audit import Draft
from bot.core.audit import Phase as AuditPhase
from bot.core.bench import Bench, choose
from bot.core.change_plan import ChangePlan
from bot.core.claiming import Claiming
from bot.core.errors import GateNotPassed, Refused
from bot.core.journal import Journal
from bot.core.models import Origin, Person, Strategy
from bot.core.plan import Plan
from bot.core.ports import AuditLog, Witness
from bot.core.prepare import RestoreRequest
from bot.core.redaction import Secrets
from bot.core.requests import new_run_id
from bot.core.runner import RestoreRun
from bot.settings import Settings, secret_values

EXIT_OK, EXIT_FAILED = 0, 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot restore` to the command line."""
    parser = subparsers.add_parser("restore", help="restore without Slack, for emergencies")
    parser.add_argument("backup", help="a file of the backup directory, or: latest")
    parser.add_argument("--target", default="", help="which target; may be left out with one")
    parser.add_argument(
        "--strategy",
        default="",
        choices=[strategy.value for strategy in Strategy],
        help="instead of the target's own; drop-first drops the old database before, for good",
    )
    parser.add_argument("--yes", action="store_true", help="approve it yourself; goes to the log")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument("--reason", default="", help="why, for the log")
    parser.add_argument(
        "--arm-retention",
        action="store_true",
        help="let retention policies run again afterwards; they may drop restored data",
    )
    parser.set_defaults(with_settings=restore)


@dataclass
class OperatorGate:
    """The gate without Slack: whoever sits at the terminal decides, and the log says so.

    Args:
        journal: the run's log.
        yes: whether the answer was given on the command line.
    """

    journal: Journal
    yes: bool

    def foresee(self, plan: Plan) -> None:
        """Do nothing: whoever decides has just asked for it."""

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        """Ask once, for the target's name; a mere yes is typed too easily.

        Raises:
            GateNotPassed: anything else was typed, or there is no terminal.
        """
        agreed = self.yes or _asked(plan.target.name)
        self.journal.record(
            ev.GateClosed(
                run_id=plan.run_id,
                at=self.journal.clock.now(),
                outcome="approved" if agreed else "vetoed",
                sentence="by the operator on the command line, without Slack",
                digest=plan.digest(),
                approvers=(requester,) if agreed else (),
            )
        )
        if not agreed:
            raise GateNotPassed("vetoed", "it was not confirmed; --yes approves it beforehand")
        return (requester,)


def _asked(name: str) -> bool:
    """Ask on the terminal.

    Raises:
        GateNotPassed: Ctrl-C, Ctrl-D or SIGTERM instead of an answer.
    """
    if not sys.stdin.isatty():
        return False
    try:
        with _handling_signals(signal.default_int_handler):
            answer = input(f"Type {name} to restore it, anything else to leave it: ")
    except (KeyboardInterrupt, EOFError) as error:
        raise GateNotPassed("cancelled", "cancelled at the question") from error
    return answer.strip() == name


def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run one restore on the terminal and return the exit code.

    Raises:
        Refused: the target is unknown or busy.
        AuditUnavailable: the log cannot be written.
    """
    log_to_stderr(Secrets(secret_values(settings)), verbose=False)
    run_id, operator = new_run_id(), _operator()
    with base(settings) as parts, ExitStack() as stack:
        with _refusal_logged(parts.store.log, operator, arguments):
            bench = choose(parts.benches, arguments.target)
            claiming = Claiming(parts.store.claims)
            stack.enter_context(claiming.held(bench, run_id, operator.id))
        cancelled = stack.enter_context(_cancel_by_signal())
        witness = stack.enter_context(witnessing(parts, TerminalPresenter()))
        finished = _run(parts, bench, run_id, operator, arguments, cancelled, witness)
    return EXIT_OK if finished.outcome in {"succeeded", "dry run"} else EXIT_FAILED


@contextmanager
def _refusal_logged(
    log: AuditLog, operator: Person, arguments: argparse.Namespace
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
                actor_id=operator.id,
                actor_name=operator.name,
                channel="cli",
                target=arguments.target,
                backup=arguments.backup,
                arguments=_command_line(),
                detail={"command": "restore", "code": refusal.code, "sentence": refusal.sentence},
            )
        )
        raise


def _run(
    parts: Base,
    bench: Bench,
    run_id: str,
    operator: Person,
    arguments: argparse.Namespace,
    cancelled: threading.Event,
    witness: Witness | None,
) -> ev.RunFinished:
    request = RestoreRequest(
        bench.target.name,
        arguments.backup,
        arguments.dry_run,
        arguments.reason,
        Strategy(arguments.strategy) if arguments.strategy else None,
    )
    draft = Draft("run", AuditPhase.NOTE, channel="cli", target=bench.target.name)
    journal = Journal(parts.store.log, TerminalPresenter(), draft, parts.clock, witness)
    journal.record(
        ev.RunRequested(
            run_id=run_id,
            at=parts.clock.now(),
            operation="restore",
            target=bench.target.name,
            origin=Origin(operator, "cli"),
            backup=request.backup,
            arguments=_command_line(),
        )
    )
    run = RestoreRun(
        run_id,
        request,
        operator,
        bench.under(request.strategy),
        OperatorGate(journal, arguments.yes),
        journal,
        cancelled.is_set,
        rearm_retention=arguments.arm_retention,
    )
    return run.execute()


@contextmanager
def _cancel_by_signal() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM cancel at the next safe point instead of breaking off."""
    cancelled = threading.Event()
    with _handling_signals(lambda *_: cancelled.set()):
        yield cancelled


@contextmanager
def _handling_signals(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM otherwise meanwhile."""
    before = {n: signal.signal(n, handler) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _command_line() -> str:
    return " ".join(sys.argv[1:])


def _operator() -> Person:
    """The person at the terminal; behind sudo the one who called it."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    return Person(f"cli:{name}", name)
