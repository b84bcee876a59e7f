"""`tsbot rollback`: put a kept database back without Slack."""

from __future__ import annotations

import argparse

from bot.app import Base
from bot.cli.changing import add_options, carry_out
from bot.core.bench import Bench
from bot.core.rollback import ROLLBACK, RollBack
from bot.core.unreachable import explained
from bot.settings import Settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot rollback` to the command line."""
    parser = subparsers.add_parser(ROLLBACK, help="put a kept database back, without Slack")
    add_options(parser)
    parser.add_argument("--run", default="", help="the run that set it aside (default: the newest)")
    parser.add_argument("--reason", default="", help="why, for the log")
    parser.set_defaults(with_settings=rollback)


def rollback(settings: Settings, arguments: argparse.Namespace) -> int:
    """Put it back and return the exit code.

    Raises:
        Refused: the target is unknown or busy, or nothing is kept of that run.
        AuditUnavailable: the log cannot be written.
    """

    def make(parts: Base, bench: Bench) -> RollBack:
        log = parts.store.log
        with explained(bench.target, bench.host):
            run = RollBack(bench, log, arguments.run).choose().run_id
        return RollBack(bench, log, run, arguments.reason)

    return carry_out(settings, arguments, ROLLBACK, make)
