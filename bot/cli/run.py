"""`tsbot run`: the bot itself, until it is told to stop; and `tsbot health`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from queue import Empty, SimpleQueue

from bot.app import base
from bot.cli.process_log import log_to_stderr
from bot.connection import STALE, alive, connected
from bot.core.redaction import Secrets
from bot.core.runs import Runs
from bot.settings import Settings, secret_values
from bot.slack_app import slack_bot

logger = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between looks at runs that keep the bot from stopping


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot run` and `tsbot health` to the command line."""
    parser = subparsers.add_parser("run", help="run the bot")
    parser.set_defaults(with_settings=run)
    parser = subparsers.add_parser("health", help="exit 0 while the bot is connected to Slack")
    parser.add_argument(
        "--within", type=float, default=STALE, metavar="SECONDS", help="seen alive (default: 60)"
    )
    parser.set_defaults(with_settings=health)


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Connect to Slack and serve until SIGTERM or Ctrl-C.

    Raises:
        SettingsInvalid: a token is missing.
        ChatUnavailable: Slack refuses the token.
    """
    log_to_stderr(Secrets(secret_values(settings)), verbose=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    for warning in settings.warnings:
        logger.warning("%s", warning)
    signals: SimpleQueue[int] = SimpleQueue()  # its put() may be called from a handler
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.put(number))
    with base(settings) as parts, slack_bot(parts) as bot, connected(bot.app, bot.api, settings):
        sys.stdout.write("tsbot is connected.\n")
        sys.stdout.flush()
        signals.get()
        _let_runs_end(bot.desk.runs, signals)
    return 0


def _let_runs_end(runs: Runs, signals: SimpleQueue[int]) -> None:
    """Wait for runs at work, until a second signal; a run at its gate goes on after the restart."""
    runs.door.shut()
    told = False
    while busy := runs.busy():
        if not told:
            told = True
            names = ", ".join(busy)
            logger.warning("waiting for runs at work (%s); a second signal breaks them off", names)
        try:
            signals.get(timeout=_LOOK)
        except Empty:
            continue
        logger.error("breaking off: %s", ", ".join(busy))
        return


def health(settings: Settings, arguments: argparse.Namespace) -> int:
    """Return 0 if Slack was seen alive a moment ago."""
    if alive(settings, arguments.within):
        return 0
    sys.stdout.write("tsbot: no recent heartbeat; it is not connected to Slack\n")
    return 1
