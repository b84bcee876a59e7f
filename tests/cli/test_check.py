"""`tsbot check` against a live workspace, an audit log, and a target that is not there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.check import Report
from bot.core.models import Check, Verdict
from bot.core.redaction import Secrets
from bot.sandbox.slack import SlackServer, Workspace
from tests.adapters.audit import draft, without_triggers
from tests.checked import Checked
from tests.live_bot import TOKENS, office, write_settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("SLACK_", "TSBOT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def workspace() -> Workspace:
    return office()


class Checking:
    """Runs `tsbot check` with settings of the test's own."""

    def __init__(
        self,
        directory: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.directory, self._monkeypatch, self._capsys = directory, monkeypatch, capsys

    @property
    def audit_path(self) -> Path:
        return self.directory / "audit.db"

    def run(self, api_url: str = "", tokens: dict[str, str] | None = None, **keys: str) -> Checked:
        path = write_settings(self.directory, api_url or "http://127.0.0.1:9/api/", **keys)
        for name, value in (TOKENS if tokens is None else tokens).items():
            self._monkeypatch.setenv(name, value)
        exit_code = main(["--config", str(path), "check"])
        return Checked(exit_code, self._capsys.readouterr().out)


@pytest.fixture
def checking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Checking:
    return Checking(tmp_path, monkeypatch, capsys)


def test_all_of_slack_passes_where_it_is_as_the_settings_say(
    checking: Checking, workspace: Workspace
) -> None:
    with SlackServer(workspace) as server:
        found = checking.run(server.api_url)
    assert found.line("bot token") == "[ok]  bot token      @tsbot in sandbox (T0SANDBOX)"
    names = ("app token", "scopes", "clock", "channel C0OPS", "approvers", "requesters", "quorum")
    assert {found.line(name)[:4] for name in names} == {"[ok]"}


def test_a_target_that_does_not_answer_fails_once_and_names_what_could_not_run(
    checking: Checking, workspace: Workspace
) -> None:
    with SlackServer(workspace) as server:
        found = checking.run(server.api_url)
    assert found.exit_code == 1
    assert found.line("Docker engine").startswith("[NO]  Docker engine")
    assert "-> see that the engine runs" in found.line("Docker engine")
    assert found.line("PostgreSQL").startswith("[NO]")
    assert found.line("extensions").startswith("[??]")
    assert found.line("extensions").endswith("could not run: see “PostgreSQL”")
    assert found.line("one server").endswith("could not run: see “database container”")


def test_the_last_line_counts_what_passed(checking: Checking, workspace: Workspace) -> None:
    with SlackServer(workspace) as server:
        found = checking.run(server.api_url)
    signs = [line.strip()[:4] for line in found.lines if line.startswith("  [")]
    passed, made = signs.count("[ok]") + signs.count("[!!]"), len(signs)
    assert passed == 11
    assert found.lines[-1].startswith(f"{passed} of {made} checks passed")


def test_missing_tokens_fail_and_the_targets_are_looked_at_all_the_same(
    checking: Checking,
) -> None:
    found = checking.run(tokens={})
    assert found.exit_code == 1
    assert "[NO]  bot token" in found.line("bot token")
    assert "SLACK_BOT_TOKEN is not set" in found.line("bot token")
    assert "SLACK_APP_TOKEN is not set" in found.line("app token")
    assert found.line("scopes").endswith("could not run: see “bot token”")
    assert found.line("Docker engine").startswith("[NO]")


def test_a_slack_that_is_away_fails_without_ending_the_checks(checking: Checking) -> None:
    found = checking.run()
    assert "Slack did not answer auth.test" in found.line("bot token")
    assert found.line("quorum").endswith("could not run: see “approvers”")
    assert found.line("PostgreSQL").startswith("[NO]")


def test_http_mode_wants_a_signing_secret_and_no_app_token(
    checking: Checking, workspace: Workspace
) -> None:
    with SlackServer(workspace) as server:
        missing = checking.run(server.api_url, {"SLACK_BOT_TOKEN": "xoxb-sandbox"}, mode="http")
        given = checking.run(server.api_url, TOKENS, mode="http")
    assert "SLACK_SIGNING_SECRET is not set -> set" in missing.line("signing secret")
    assert given.line("signing secret").startswith("[ok]")
    assert "app token" not in missing.output + given.output


def test_an_audit_log_that_is_not_there_yet_is_not_made(checking: Checking) -> None:
    found = checking.run()
    assert found.line("writable").startswith("[ok]")
    assert found.line("intact").endswith("nothing is logged yet")
    assert not checking.audit_path.exists()


def test_a_missing_directory_for_the_audit_log_is_named(checking: Checking) -> None:
    found = checking.run(audit="/nowhere/audit.db")
    assert "[NO]  writable  /nowhere does not exist" in found.line("writable")
    assert found.line("intact").endswith("could not run: see “writable”")


def test_a_file_that_is_no_audit_log_is_named(checking: Checking) -> None:
    checking.audit_path.write_text("somebody's notes, long enough to be no SQLite header at all")
    assert "is not a tsbot audit log" in checking.run().line("writable")


def logged(path: Path) -> None:
    store = AuditStore(path, SystemClock())
    store.log.append(draft())
    store.log.append(draft("start applications"))
    store.close()


def test_a_second_witness_that_could_not_take_a_head_is_named_before_a_run_needs_it(
    checking: Checking,
) -> None:
    found = checking.run(witness="/nowhere/heads.txt")
    assert "[NO]  second witness  /nowhere does not exist" in found.line("second witness")
    kept = checking.directory / "heads.txt"
    assert checking.run(witness=str(kept)).line("second witness").endswith(str(kept))
    assert not kept.exists()
    url = "https://logs.example.org/hook/t0ken-part"
    told = checking.run(witness=url)
    assert "logs.example.org; only the next head can show" in told.line("second witness")
    assert "t0ken-part" not in told.output
    assert "second witness" not in checking.run().output


def test_an_intact_log_is_told_with_its_length_and_head(checking: Checking) -> None:
    logged(checking.audit_path)
    for _ in range(2):  # looking adds nothing
        assert "[ok]  intact    2 entries, head " in checking.run().line("intact")


def test_a_changed_log_fails_with_where_it_breaks(checking: Checking) -> None:
    logged(checking.audit_path)
    without_triggers(checking.audit_path, "UPDATE entries SET actor_name = 'eve' WHERE id = 2")
    found = checking.run()
    assert found.exit_code == 1
    assert found.line("intact").startswith("[NO]  intact")
    assert "2" in found.line("intact")
    assert "keep the file as evidence" in found.line("intact")


def test_what_works_and_is_not_wise_is_a_warning(checking: Checking, workspace: Workspace) -> None:
    with SlackServer(workspace) as server:
        found = checking.run(server.api_url, target="allow_writable_backups = true")
    assert found.line("caution").startswith("[!!]  caution")
    assert found.lines[-1].endswith(", 1 with a warning")


def report_of(*checks: Check, encoding: str = "utf-8") -> tuple[str, int]:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    report = Report(out, Secrets(["hunter2-hunter2"]))
    report.section("target", checks)
    code = report.end()
    return raw.getvalue().decode(encoding), code


def test_a_check_prints_one_safe_line_whatever_it_holds() -> None:
    evil = Check("name\n[ok] forged", Verdict.FAILED, "\x1b[2Ja\r\nb hunter2-hunter2", "é")
    printed, code = report_of(evil, encoding="ascii")
    assert printed.splitlines() == [
        "target",
        "  [NO]  name [ok] forged  a b [redacted] -> \\xe9",
        "0 of 1 checks passed",
    ]
    assert code == 1


def test_columns_are_aligned_and_a_remedy_stands_only_where_it_is_needed() -> None:
    printed, code = report_of(
        Check("a", Verdict.OK, "fine", "nothing"), Check("longer", Verdict.WARNING, "so so", "mend")
    )
    assert printed.splitlines()[1:] == [
        "  [ok]  a       fine",
        "  [!!]  longer  so so -> mend",
        "2 of 2 checks passed, 1 with a warning",
    ]
    assert code == 0


def test_a_check_that_could_not_run_makes_the_exit_code_1() -> None:
    assert report_of(Check("a", Verdict.UNKNOWN, "could not run: x"))[1] == 1
