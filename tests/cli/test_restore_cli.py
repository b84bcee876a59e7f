"""`tsbot restore` where it ends before a database is reached: what it says and what it logs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Claim, Entry, Phase, Query

PASSWORD = "hunter2-of-the-superuser"
TARGET = """
[targets.{name}]
dsn = "postgresql://postgres@127.0.0.1:{port}/postgres"
database = "{name}"
container = "{name}-db"
docker = "unix://{directory}/none.sock"
"""
Tsbot = Callable[..., int]


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port on which nobody answers for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def audit_path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def tsbot(tmp_path: Path, audit_path: Path, nobody: int, monkeypatch: pytest.MonkeyPatch) -> Tsbot:
    """Runs a command with two targets, `shop` and `prod`, which both cannot be reached."""
    targets = [TARGET.format(name=n, port=nobody, directory=tmp_path) for n in ("shop", "prod")]
    config = tmp_path / "tsbot.toml"
    config.write_text("\n".join([f'[audit]\npath = "{audit_path}"', *targets]))
    monkeypatch.setenv("TSBOT_TARGET_PROD_PASSWORD", PASSWORD)
    monkeypatch.setenv("SUDO_USER", "dora")

    def run(*arguments: str) -> int:
        argv = ["--config", str(config), *arguments]
        monkeypatch.setattr("sys.argv", ["tsbot", *argv])
        return main(argv)

    return run


def log(path: Path) -> tuple[Entry, ...]:
    with closing(AuditStore(path, SystemClock(), writable=False)) as store:
        assert store.log.verify().intact
        return store.log.entries(Query())


def only_refusal(path: Path) -> Entry:
    [entry] = log(path)
    draft = entry.draft
    assert (draft.action, draft.phase, draft.status) == ("command", Phase.NOTE, "refused")
    assert (draft.actor_id, draft.actor_name, draft.channel) == ("cli:dora", "dora", "cli")
    assert draft.detail["command"] == "restore"
    return entry


def test_an_unknown_target_is_refused_with_those_there_are(
    tsbot: Tsbot, audit_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tsbot("restore", "latest", "--target", "shopp", "--yes") == 2
    assert "There is no target “shopp”; there is: prod, shop." in capsys.readouterr().err
    draft = only_refusal(audit_path).draft
    assert (draft.target, draft.backup) == ("shopp", "latest")
    assert draft.arguments.endswith("restore latest --target shopp --yes")
    assert draft.detail["code"] == "unknown_target"


def test_the_target_must_be_named_where_there_are_several(
    tsbot: Tsbot, audit_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tsbot("restore", "latest") == 2
    assert "Name the target, one of: prod, shop." in capsys.readouterr().err
    assert (
        only_refusal(audit_path).draft.detail["sentence"] == "Name the target, one of: prod, shop."
    )


def test_a_target_that_another_run_works_on_is_refused(
    tsbot: Tsbot, audit_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(AuditStore(audit_path, SystemClock())) as store:
        store.claims.take(Claim("prod", "aa11bb22", "U1", SystemClock().now()))
    assert tsbot("restore", "latest", "--target", "prod", "--yes") == 2
    assert "run aa11bb22 of U1" in capsys.readouterr().err
    assert "run aa11bb22 of U1" in str(only_refusal(audit_path).draft.detail["sentence"])
    with closing(AuditStore(audit_path, SystemClock())) as store:
        assert [claim.run_id for claim in store.claims.held()] == ["aa11bb22"]


def test_a_server_that_does_not_answer_ends_the_run_with_nothing_changed(
    tsbot: Tsbot, audit_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tsbot("restore", "latest", "--target", "prod", "--yes", "--reason", PASSWORD) == 1
    requested, finished = log(audit_path)
    assert (requested.draft.action, requested.draft.phase) == ("restore", Phase.INTENT)
    assert (finished.draft.action, finished.draft.status) == ("run", "refused")
    assert str(finished.draft.detail["sentence"]).endswith("Nothing was changed.")
    assert "REFUSED" in capsys.readouterr().out
    for file in audit_path.parent.glob("audit.db*"):
        assert PASSWORD.encode() not in file.read_bytes()
    with closing(AuditStore(audit_path, SystemClock())) as store:
        assert store.claims.held() == ()


def test_without_a_log_no_restore_begins(
    tsbot: Tsbot, audit_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit_path.write_text("this is no log")
    assert tsbot("restore", "latest", "--target", "prod", "--yes") == 1
    assert "is not a tsbot audit log" in capsys.readouterr().err
    assert audit_path.read_text() == "this is no log"


def test_wrong_settings_are_named_before_anything_is_opened(
    tsbot: Tsbot,
    audit_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TSBOT_TARGET_PORD_PASSWORD", PASSWORD)
    assert tsbot("restore", "latest", "--target", "prod") == 2
    complaint = capsys.readouterr().err
    assert "TSBOT_TARGET_PORD_PASSWORD: belongs to no target" in complaint
    assert PASSWORD not in complaint
    assert not audit_path.exists()
