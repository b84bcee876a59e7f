"""Unfinished runs as the log has them, also one that this version cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import Claim, Draft, Phase
from bot.core.interrupted import unfinished
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import START


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock())
    yield store
    store.close()


def claim(target: str, run_id: str) -> Claim:
    return Claim(target, run_id, "tsbot", START)


def test_a_run_that_this_version_cannot_read_keeps_nobody_from_the_others(
    store: AuditStore, caplog: pytest.LogCaptureFixture
) -> None:
    strange = {"event": "StepStarted", "at": "a time nobody knows"}
    store.log.append(Draft("pg_restore", Phase.INTENT, run_id="0badcafe", detail=strange))
    found = unfinished(store.log, [claim("prod", "0badcafe"), claim("test", "00c0ffee")])
    assert [run.run_id for run in found] == ["00c0ffee"]
    assert "run 0badcafe: its entries are not of this version" in caplog.text
