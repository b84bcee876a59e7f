"""`tsbot restore`: the same run from the command line, for when Slack is down."""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack

from bot.app import Base, base, witnessing
from bot.cli.operating import (
    OperatorGate,
    cancel_by_signal,
    command_line,
    refusal_logged,
    settled,
    whoever,
)
from bot.cli.process_log import log_to_stderr
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.audit import Draft
from bot.core.audit import Phase as AuditPhase
from bot.core.bench import Bench, choose
from bot.core.claiming import Claiming
from bot.core.journal import Journal
from bot.core.models import Origin, Person, Strategy
from bot.core.ports import Witness
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


def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run one restore on the terminal and return the exit code.

    Raises:
        Refused: the target is unknown or busy.
        AuditUnavailable: the log cannot be written.
    """
    log_to_stderr(Secrets(secret_values(settings)), verbose=False)
    run_id, operator = new_run_id(), whoever()
    with base(settings) as parts, ExitStack() as stack:
        named = {"target": arguments.target, "backup": arguments.backup}
        with refusal_logged(parts.store.log, operator, "restore", **named):
            bench = choose(parts.benches, arguments.target)
            claiming = Claiming(parts.store.claims, log=parts.store.log)
            stack.enter_context(claiming.held(bench, run_id, operator.id))
        cancelled = stack.enter_context(cancel_by_signal())
        witness = stack.enter_context(witnessing(parts, TerminalPresenter()))
        finished = _run(parts, bench, run_id, operator, arguments, cancelled, witness)
    return EXIT_OK if finished.outcome in {"succeeded", "dry run"} else EXIT_FAILED


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
            arguments=command_line(),
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
    finished = run.execute()
    settled(journal, cancelled)
    return finished
