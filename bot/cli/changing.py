"""A change that is no restore, from the command line: the same run as through Slack."""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
from bot.core.audit import Draft, Phase
from bot.core.bench import Bench, choose
from bot.core.change_run import Change, ChangeRun
from bot.core.claiming import Claiming
from bot.core.journal import Journal
from bot.core.models import Origin
from bot.core.redaction import Secrets
from bot.core.requests import new_run_id
from bot.settings import Settings, secret_values

EXIT_OK, EXIT_FAILED = 0, 1

Make = Callable[[Base, Bench], Change]
"""Makes the change for a target."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every change takes."""
    parser.add_argument("--target", default="", help="which target; may be left out with one")
    parser.add_argument("--yes", action="store_true", help="approve it yourself; goes to the log")


def carry_out(settings: Settings, arguments: argparse.Namespace, operation: str, make: Make) -> int:
    """Run one change on the terminal and return the exit code.

    Args:
        settings: the settings.
        arguments: with those of `add_options`.
        operation: what the log calls it.
        make: makes the change.

    Raises:
        Refused: the target is unknown or busy.
        AuditUnavailable: the log cannot be written.
    """
    log_to_stderr(Secrets(secret_values(settings)), verbose=False)
    run_id, operator = new_run_id(), whoever()
    with base(settings) as parts, ExitStack() as stack:
        log = parts.store.log
        with refusal_logged(log, operator, operation, target=arguments.target):
            bench = choose(parts.benches, arguments.target)
            claiming = Claiming(parts.store.claims, log=parts.store.log)
            stack.enter_context(claiming.held(bench, run_id, operator.id))
            change = make(parts, bench)
        cancelled = stack.enter_context(cancel_by_signal())
        witness = stack.enter_context(witnessing(parts, TerminalPresenter()))
        draft = Draft("run", Phase.NOTE, channel="cli", target=bench.target.name)
        journal = Journal(log, TerminalPresenter(), draft, parts.clock, witness)
        journal.record(
            ev.RunRequested(
                run_id=run_id,
                at=parts.clock.now(),
                operation=operation,
                target=bench.target.name,
                origin=Origin(operator, "cli"),
                arguments=command_line(),
            )
        )
        gate = OperatorGate(journal, arguments.yes)
        run = ChangeRun(run_id, change, operator, bench, gate, journal, cancelled.is_set)
        finished = run.execute()
        settled(journal, cancelled)
    return EXIT_OK if finished.outcome == "succeeded" else EXIT_FAILED
