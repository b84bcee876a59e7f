"""What a dead run has left asks for a decision, before anybody begins on top of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.interrupted import is_undecided
from bot.core.journal import Journal
from bot.core.plan import StepName
from bot.core.ports import AuditLog
from tests.core.run_samples import RUN, finished, planned, requested
from tests.core.test_past import begun, undone

STEP = StepName.STOP_APPLICATIONS
SCREEN: Any = SimpleNamespace(show=id)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    with closing(AuditStore(tmp_path / "audit.db", SystemClock())) as store:
        yield store.log


@pytest.mark.parametrize(
    ("then", "undecided"),
    [
        ([], False),
        ([begun(STEP)], True),
        ([begun(STEP), undone(STEP)], False),
        ([begun(STEP), undone(STEP, ok=False)], True),
        ([begun(STEP), finished()], False),
    ],
)
def test_what_was_begun_and_neither_ended_nor_taken_back_asks_for_a_decision(
    log: AuditLog, then: list[ev.Event], *, undecided: bool
) -> None:
    assert not is_undecided(log, RUN)
    journal = Journal(log, SCREEN, Draft("run", Phase.NOTE, target="demo"), SystemClock())
    for event in (requested(), planned(), *then):
        journal.record(event)
    assert is_undecided(log, RUN) is undecided
