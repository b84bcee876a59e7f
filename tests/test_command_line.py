"""`tsbot` as an operator meets it: exit codes, one sentence for what is wrong, and no secret."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from bot.__main__ import main

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-1-rosebud",
    "SLACK_APP_TOKEN": "xapp-1-rosebud",
    "TSBOT_TARGET_PROD_PASSWORD": "hunter2-rosebud",
}
# Port 1 is nobody's: the server is down, and so is the engine.
SETTINGS = """
[audit]
path = "{directory}/audit.db"
[targets.prod]
dsn = "postgresql://postgres@127.0.0.1:1/postgres"
database = "shop"
container = "shop-db"
docker = "unix://{directory}/no-engine.sock"
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Tsbot = Callable[..., Ended]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file whose server and engine are down, and secrets in the environment."""
    for name in list(os.environ):
        if name.startswith(("SLACK_", "TSBOT_")):
            monkeypatch.delenv(name)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "tsbot.toml"
    path.write_text(SETTINGS.format(directory=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def tsbot(settings: Path, capsys: pytest.CaptureFixture[str]) -> Tsbot:
    """Calls the command line in this process, with the settings."""

    def run(*argv: str, config: Path = settings) -> Ended:
        try:
            code = main(["--config", str(config), *argv])
        except SystemExit as end:  # argparse's way out
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def module(*argv: str) -> Ended:
    """Start the program itself."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *argv], capture_output=True, text=True, timeout=60
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "COMMAND"),
        (("frobnicate",), "invalid choice: 'frobnicate'"),
        (("restore",), "backup"),
        (("restore", "latest", "--force"), "--force"),
        (("audit",), "ACTION"),
        (("audit", "export", "--format", "xml"), "invalid choice: 'xml'"),
        (("audit", "list", "--limit", "-1"), "“-1” is no amount"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_end_with_2_and_say_what_is_wrong(
    tsbot: Tsbot, argv: tuple[str, ...], says: str
) -> None:
    ended = tsbot(*argv)
    assert (ended.code, ended.out) == (2, "")
    assert says in last_line(ended.err)


def test_the_program_itself_ends_with_2_on_wrong_arguments() -> None:
    ended = module("frobnicate")
    assert (ended.code, ended.out) == (2, "")
    assert "frobnicate" in last_line(ended.err)


def test_the_manifest_is_yaml_and_needs_no_settings() -> None:
    ended = module("manifest")
    assert (ended.code, ended.err) == (0, "")
    assert yaml.safe_load(ended.out)["settings"]["socket_mode_enabled"] is True


def test_the_manifest_for_http_holds_the_address(tsbot: Tsbot) -> None:
    ended = tsbot("manifest", "--base-url", "https://tsbot.example.org")
    assert "https://tsbot.example.org/slack/events" in ended.out


def test_an_address_slack_would_not_call_is_refused_in_one_sentence(tsbot: Tsbot) -> None:
    ended = tsbot("manifest", "--base-url", "http://tsbot.example.org")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "https://" in ended.err


def test_help_names_every_command(tsbot: Tsbot) -> None:
    ended = tsbot("--help")
    assert (ended.code, ended.err) == (0, "")
    assert {"restore", "check", "audit", "manifest"} <= set(ended.out.split())


@pytest.mark.parametrize("command", ["check", "audit list", "restore latest"])
def test_missing_settings_are_named_in_one_sentence(
    tsbot: Tsbot, tmp_path: Path, command: str
) -> None:
    ended = tsbot(*command.split(), config=tmp_path / "nothing.toml")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert f"{tmp_path}/nothing.toml: no such file" in ended.err


def test_a_wrong_setting_is_named_with_what_would_be_right(tsbot: Tsbot, settings: Path) -> None:
    text = settings.read_text(encoding="utf-8").replace("container =", "containr =")
    settings.write_text(text, encoding="utf-8")
    ended = tsbot("check")
    assert ended.code == 2
    assert "targets.prod.containr" in ended.err


def test_an_unknown_target_is_refused_with_those_there_are(tsbot: Tsbot) -> None:
    ended = tsbot("restore", "latest", "--target", "prd", "--yes")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "“prd”" in ended.err
    assert "prod" in ended.err


def test_an_audit_log_without_a_directory_is_named(tsbot: Tsbot, settings: Path) -> None:
    text = settings.read_text(encoding="utf-8").replace("/audit.db", "/nowhere/audit.db")
    settings.write_text(text, encoding="utf-8")
    ended = tsbot("restore", "latest", "--yes")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "nowhere does not exist" in ended.err


def test_check_fails_where_nothing_answers_and_names_a_remedy_for_each(tsbot: Tsbot) -> None:
    ended = tsbot("check")
    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if "[NO]" in line]
    assert len(failed) >= 2
    assert all(" -> " in line for line in failed)


def test_a_restore_without_a_server_changes_nothing_and_leaves_its_trace(tsbot: Tsbot) -> None:
    ended = tsbot("restore", "latest", "--target", "prod", "--yes")
    assert ended.code == 1
    assert last_line(ended.out).endswith("Nothing was changed.")
    listed = tsbot("audit", "list").out
    assert [word in listed for word in ("intent", "outcome", "refused")] == [True] * 3
    assert tsbot("audit", "verify").out.startswith("Intact: ")


def test_no_command_shows_a_secret(tsbot: Tsbot) -> None:
    reason = f"it said {SECRETS['TSBOT_TARGET_PROD_PASSWORD']}"
    commands = (
        ("check",),
        ("restore", "latest", "--yes", "--reason", reason),
        ("restore", "latest", "--target", SECRETS["SLACK_BOT_TOKEN"]),
        ("audit", "list"),
        ("audit", "export", "--format", "jsonl"),
        ("audit", "export", "--format", "csv"),
    )
    shown = "".join("".join(map(str, tsbot(*argv))) for argv in commands)
    assert "[redacted]" in shown
    assert "rosebud" not in shown


def test_an_error_that_quotes_terminal_escapes_moves_no_cursor(tsbot: Tsbot) -> None:
    assert "\x1b" not in tsbot("restore", "latest", "--target", "\x1b[2Jprod").err
