"""`tsbot check`: everything a restore needs, looked at from end to end, one line each."""

from __future__ import annotations

import argparse
import sys

from bot.app import base
from bot.cli.terminal import check_line
from bot.core.models import Check, Verdict
from bot.core.redaction import safe_text
from bot.core.server_checks import ServerChecks
from bot.settings import Settings


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot check` to the command line."""
    parser = subparsers.add_parser("check", help="verify settings, Slack, Docker and PostgreSQL")
    parser.set_defaults(with_settings=check)


def check(settings: Settings, _: argparse.Namespace) -> int:
    """Print one line a check and return 1 if any failed or could not run."""
    passed = True
    for warning in settings.warnings:
        _print(Check("settings", Verdict.WARNING, warning))
    with base(settings) as parts:
        _print(Check("audit log", Verdict.OK, str(settings.audit_path)))
        for name, bench in parts.benches.items():
            for found in ServerChecks(bench.target, bench.host, bench.cluster).run():
                _print(found, name)
                passed = passed and found.passed
    return 0 if passed else 1


def _print(found: Check, target: str = "") -> None:
    prefix = f"{target}: " if target else ""
    sys.stdout.write(safe_text(prefix + check_line(found)).replace("\n", " ") + "\n")
