"""`tsbot demo`: the bot in a world of stand-ins, without Slack, Docker or TimescaleDB."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

FAILED = 1
_INTERRUPTED = 130


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot demo` to the command line."""
    parser = subparsers.add_parser("demo", help="see it work, without Slack, Docker or a database")
    parser.add_argument("--once", action="store_true", help="end when the restore has ended")
    parser.add_argument("--port", type=int, default=0, help="of the page (default: a free one)")


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo and return 0 if the checklist was green, also after Ctrl-C on the open page."""
    outcome = _Outcome()
    try:
        with _interrupted_by_sigterm():
            _play(arguments, outcome)
    except KeyboardInterrupt:
        _say("\nStopped; nothing is left running.")
        return outcome.code if outcome.told else _INTERRUPTED
    return outcome.code


@dataclass
class _Outcome:
    told: bool = False
    green: bool = False

    @property
    def code(self) -> int:
        return 0 if self.green else FAILED


def _play(arguments: argparse.Namespace, outcome: _Outcome) -> None:
    # Here, because the product never imports its stand-ins otherwise.
    from bot.cli.demo_story import Story
    from bot.sandbox.demo.world import world

    _say("Setting up: PostgreSQL, containers, a workspace. All three are local stand-ins.")
    with world(port=arguments.port) as made:
        _say(f"The workspace's page: {made.slack.base_url}/")
        outcome.green = Story(made, sys.stdout).tell()
        outcome.told = True
        if not arguments.once:
            _stay_open(made.slack.base_url)


def _stay_open(url: str) -> None:
    _say(
        f"\nThe workspace stays open at {url}/ until Ctrl-C. Try: restore the older dump from\n"
        "/backups, see the truncated one refused, read /tsstatus, and open the run's thread."
    )
    threading.Event().wait()


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that everything is taken down."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
