"""`tsbot runs` where no run is at work: what it refuses is logged, and a changed log is said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Draft, Phase, Query
from tests.adapters.audit import without_triggers

RUN = "0a0b0c0d"
CONFIG = """
[audit]
path = "{directory}/audit.db"

[targets.shop]
dsn = "postgresql://postgres@127.0.0.1:1/postgres"
database = "shop"
container = "shop-db"
docker = "unix://{directory}/none.sock"
"""
Tsbot = Callable[..., int]


@pytest.fixture
def tsbot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tsbot:
    config = tmp_path / "tsbot.toml"
    config.write_text(CONFIG.format(directory=tmp_path))

    def run(*arguments: str) -> int:
        argv = ["--config", str(config), "runs", *arguments]
        monkeypatch.setattr("sys.argv", ["tsbot", *argv])
        return main(argv)

    return run


@pytest.mark.parametrize("action", ["resume", "undo", "abandon"])
def test_a_refused_decision_on_the_terminal_is_logged(
    action: str, tsbot: Tsbot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tsbot(action, RUN) == 2
    assert f"There is no run “{RUN}”" in capsys.readouterr().err
    with closing(AuditStore(tmp_path / "audit.db", SystemClock())) as store:
        [entry] = store.log.entries(Query())
    assert (entry.draft.status, entry.draft.detail["command"]) == ("refused", f"runs {action}")
    assert entry.draft.actor_id.startswith("cli:")


def test_commands_for_a_person_come_with_a_warning_where_the_log_was_changed(
    tsbot: Tsbot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.db"
    with closing(AuditStore(path, SystemClock())) as store:
        store.log.append(Draft("command", Phase.NOTE, "ok", RUN))
    assert tsbot("show", RUN) == 0
    assert "DO NOT RELY" not in capsys.readouterr().out
    without_triggers(path, "UPDATE entries SET status = 'failed'")
    assert tsbot("show", RUN) == 0
    assert "DO NOT RELY ON THIS: the audit log does not verify. Entry 1" in capsys.readouterr().out
