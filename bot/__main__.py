"""The `tsbot` command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli import audit, check, demo, repair, restore, rollback, run, runs
from bot.core.errors import Refused, SettingsInvalid, TsbotError
from bot.core.redaction import Secrets
from bot.manifest import manifest_yaml
from bot.settings import Settings, load_settings

FAILED, WRONG_INPUT = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 well, 1 failed, 2 wrong input or settings."""
    arguments = _parser().parse_args(argv)
    try:
        return _call(arguments)
    except (SettingsInvalid, Refused) as error:
        _complain(error)
        return WRONG_INPUT
    except TsbotError as error:
        _complain(error)
        return FAILED
    except BrokenPipeError:  # the reader has seen enough, as in: tsbot audit list | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _complain(error: TsbotError) -> None:
    """Say what is wrong; it may quote text from outside, or a token put in the wrong place."""
    print(Secrets().clean(f"tsbot: {error}"), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tsbot", description="Slack chat-ops for TimescaleDB in Docker."
    )
    parser.add_argument("--config", type=Path, help="the settings (default: $TSBOT_CONFIG)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run.register(commands)
    restore.register(commands)
    rollback.register(commands)
    repair.register(commands)
    check.register(commands)
    runs.register(commands)
    audit.register(commands)
    demo.register(commands)
    manifest = commands.add_parser("manifest", help="print the Slack app manifest")
    manifest.add_argument("--base-url", default="", help="public https address, for HTTP mode")
    return parser


def _call(arguments: argparse.Namespace) -> int:
    code = _dispatch(arguments)
    sys.stdout.flush()  # here, where a reader that is gone is still caught
    return code


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command == "manifest":
        print(manifest_yaml(arguments.base_url), end="")
        return 0
    if arguments.command == "demo":
        return demo.demo(arguments)
    settings = load_settings(arguments.config)
    if arguments.command == "audit":
        return _audit(settings, arguments)
    return int(arguments.with_settings(settings, arguments))


def _audit(settings: Settings, arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    store = AuditStore(settings.audit_path, clock, writable=False)
    try:
        return audit.run(arguments, store.log, sys.stdout, sys.stderr, clock.now())
    finally:
        store.close()


if __name__ == "__main__":
    sys.exit(main())
