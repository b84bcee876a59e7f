"""`tsbot run`: the bot itself, until it is told to stop; and `tsbot health`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from bot.app import base
from bot.connection import alive, connected
from bot.settings import Settings
from bot.slack_app import slack_bot

logger = logging.getLogger(__name__)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot run` and `tsbot health` to the command line."""
    parser = subparsers.add_parser("run", help="run the bot")
    parser.set_defaults(with_settings=run)
    parser = subparsers.add_parser("health", help="exit 0 while the bot is connected to Slack")
    parser.set_defaults(with_settings=health)


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Connect to Slack and serve until SIGTERM or Ctrl-C.

    Raises:
        SettingsInvalid: a token is missing.
        ChatUnavailable: Slack refuses the token.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    for warning in settings.warnings:
        logger.warning("%s", warning)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with base(settings) as parts, slack_bot(parts) as bot, connected(bot.app, bot.api, settings):
        sys.stdout.write("tsbot is connected.\n")
        sys.stdout.flush()
        stop.wait()
        busy = bot.desk.runs.active()
        if busy:
            logger.warning("stopping with runs at work: %s", ", ".join(busy))
    return 0


def health(settings: Settings, _: argparse.Namespace) -> int:
    """Return 0 if Slack was seen alive a moment ago."""
    if alive(settings):
        return 0
    sys.stdout.write("tsbot: no recent heartbeat; it is not connected to Slack\n")
    return 1
