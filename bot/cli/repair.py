"""`tsbot repair`: put automatic refresh right without Slack."""

from __future__ import annotations

import argparse

from bot.cli.changing import add_options, carry_out
from bot.core.repair import REPAIR, Repair
from bot.settings import Settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot repair` to the command line."""
    parser = subparsers.add_parser(REPAIR, help="put automatic refresh right, without Slack")
    add_options(parser)
    parser.set_defaults(with_settings=repair)


def repair(settings: Settings, arguments: argparse.Namespace) -> int:
    """Repair a target and return the exit code.

    Raises:
        Refused: the target is unknown or busy.
        AuditUnavailable: the log cannot be written.
    """

    return carry_out(
        settings, arguments, REPAIR, lambda parts, bench: Repair(bench, parts.store.log)
    )
