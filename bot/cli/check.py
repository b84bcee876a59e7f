"""`tsbot check`: everything a restore needs, looked at from end to end, one line each."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.workspace_checks import Expected, WorkspaceChecks
from bot.app import bench
from bot.cli.columns import aligned, put
from bot.cli.terminal import SIGNS
from bot.core.errors import Refused
from bot.core.inquiry import Answer, Inquiry
from bot.core.models import Check, Verdict
from bot.core.ports import AuditLog, Clock
from bot.core.redaction import Secrets, safe_line
from bot.core.server_checks import ServerChecks
from bot.core.wording import counted
from bot.manifest import SCOPES
from bot.settings import Settings, secret_values


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot check` to the command line."""
    parser = subparsers.add_parser("check", help="verify settings, Slack, Docker and PostgreSQL")
    parser.set_defaults(with_settings=check)


def check(settings: Settings, _: argparse.Namespace) -> int:
    """Print one line a check and return 1 if any failed or could not run."""
    logging.getLogger("slack_sdk").addHandler(logging.NullHandler())  # the checks tell it all
    clock = SystemClock()
    report = Report(sys.stdout, Secrets(secret_values(settings)))
    report.section("settings", _settings(settings))
    report.section("audit log", _audit(settings))
    report.section("Slack", _slack(settings, clock))
    for name, one in settings.targets.items():
        at = bench(one, clock)
        found = ServerChecks(at.target, at.host, at.cluster, strict=True).run()
        report.section(f"target {name}", found)
    return report.end()


@dataclass
class Report:
    """Prints checks and counts them.

    Args:
        out: where to.
        secrets: what must not be printed, whoever put it into a message.
    """

    out: TextIO
    secrets: Secrets
    passed: int = 0
    made: int = 0
    warned: int = 0

    def section(self, title: str, checks: Iterable[Check]) -> None:
        """Print a section's checks in columns, once all of them are made."""
        found = list(checks)
        self.made += len(found)
        self.passed += sum(check.passed for check in found)
        self.warned += sum(check.verdict is Verdict.WARNING for check in found)
        put(self.out, safe_line(title))
        for line in aligned([self._row(check) for check in found]):
            put(self.out, f"  {line}")
        self.out.flush()

    def end(self) -> int:
        """Print the sum and return the exit code."""
        warned = f", {self.warned} with a warning" if self.warned else ""
        put(self.out, f"{self.passed} of {self.made} checks passed{warned}")
        self.out.flush()
        return 0 if self.passed == self.made else 1

    def _row(self, check: Check) -> tuple[str, str, str]:
        remedy = check.remedy if check.verdict is not Verdict.OK else ""
        words = f"{check.evidence} -> {remedy}" if remedy else check.evidence
        return f"[{SIGNS[check.verdict]}]", check.name, self.secrets.clean(words)


def _settings(settings: Settings) -> Iterator[Check]:
    yield Check("file", Verdict.OK, f"{settings.path}, every key is right")
    for warning in settings.warnings:
        yield Check("caution", Verdict.WARNING, warning)


def _audit(settings: Settings) -> Iterator[Check]:
    ask = Inquiry().ask
    own = "make the file, and the directory it is in, the property of the user tsbot runs as"
    yield ask("writable", lambda: _writable(settings), own)
    back = "keep the file as evidence, and compare with the heads posted in Slack"
    yield ask("intact", lambda: _intact(settings), back, "writable")
    if settings.witness:
        let = "make the directory, and let the user tsbot runs as append there"
        yield ask("second witness", lambda: _witness(settings.witness), let)


def _writable(settings: Settings) -> Answer:
    """A log that is not there yet is not made here: it would belong to whoever checks."""
    path, directory = settings.audit_path, settings.audit_path.parent
    if os.path.lexists(path):
        with closing(AuditStore(path, SystemClock())):  # opening it for writing is a real write
            return Verdict.OK, str(path), ""
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Refused("no_directory", f"{directory} does not exist, or cannot be written")
    return Verdict.OK, f"{path} will be made by the first run", ""


def _witness(where: str) -> Answer:
    """Nothing is handed over here: a witness shall hold heads of runs, and no trial lines."""
    if not where.startswith("/"):
        host = urlsplit(where).hostname
        return Verdict.OK, f"{host}; only the next head can show whether it takes one", ""
    place = Path(where) if os.path.lexists(where) else Path(where).parent
    if not os.access(place, os.W_OK):
        raise Refused("no_witness", f"{place} does not exist, or cannot be written")
    return Verdict.OK, where, ""


def _intact(settings: Settings) -> Answer:
    if not os.path.lexists(settings.audit_path):
        return Verdict.OK, "nothing is logged yet", ""
    with closing(AuditStore(settings.audit_path, SystemClock(), writable=False)) as store:
        return _verified(store.log)


def _verified(log: AuditLog) -> Answer:
    found = log.verify()
    if not found.intact:
        return Verdict.FAILED, found.problem, ""
    return Verdict.OK, f"{counted(found.entries, 'entry', 'entries')}, head {found.head[:16]}", ""


def _slack(settings: Settings, clock: Clock) -> Iterator[Check]:
    slack = settings.slack
    if slack.mode == "http":
        yield Inquiry().ask("signing secret", lambda: _signed(settings), "set SLACK_SIGNING_SECRET")
    workspace = WorkspaceChecks(
        _api(settings, slack.bot_token.get_secret_value()),
        _api(settings, slack.app_token.get_secret_value()),
        Expected(tuple(SCOPES), slack.channels, slack.requesters, settings.approval),
        clock,
    )
    yield from workspace.run(socket_mode=slack.mode == "socket")


def _signed(settings: Settings) -> Answer:
    if not settings.slack.signing_secret.get_secret_value():
        return Verdict.FAILED, "SLACK_SIGNING_SECRET is not set", ""
    return Verdict.OK, "set; only a request from Slack can prove that it is the right one", ""


def _api(settings: Settings, token: str) -> SlackApi | None:
    return SlackApi(token, settings.slack.api_url, patient=True) if token else None
