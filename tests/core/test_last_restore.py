"""What a target's status tells of its last run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.journal import Journal
from bot.core.last_restore import broken_off, last_restore
from bot.core.plan import StepName
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import RUN, a_plan, finished, planned, requested


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock())
    yield store
    store.close()


def after(store: AuditStore, *outcomes: str, target: str = "demo") -> str:
    """End runs so, the last one last, and return what is told of the last."""
    nobody: Any = SimpleNamespace(show=lambda _: None)
    base = Draft("", Phase.NOTE, target=target)
    for outcome in outcomes:
        Journal(store.log, nobody, base, SteppingClock()).record(finished(outcome))
    told = broken_off(store.log, "demo")
    return told.outcome if told else ""


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_run_that_broke_off_is_told(store: AuditStore, outcome: str) -> None:
    assert after(store, "succeeded", outcome) == outcome


@pytest.mark.parametrize("outcome", ["succeeded", "unverified"])
def test_a_later_run_that_came_to_its_end_is_what_counts(store: AuditStore, outcome: str) -> None:
    assert after(store, "failed", outcome) == ""


@pytest.mark.parametrize("outcome", ["dry run", "refused", "not approved", "cancelled"])
def test_what_changed_nothing_does_not_hide_a_run_that_broke_off(
    store: AuditStore, outcome: str
) -> None:
    assert after(store, "interrupted", outcome) == "interrupted"


def test_runs_of_other_targets_and_an_empty_log_say_nothing(store: AuditStore) -> None:
    assert after(store) == ""
    assert after(store, "failed", target="other") == ""


def test_the_last_restore_names_the_file_where_the_request_said_latest(store: AuditStore) -> None:
    nobody: Any = SimpleNamespace(show=lambda _: None)
    base = Draft("", Phase.NOTE, target="demo")
    journal = Journal(store.log, nobody, base, SteppingClock())
    plan, done = planned(), StepName.CUT_OVER
    facts = {"set_aside": "tsdb_before"}
    journal.record(requested())
    journal.record(plan)
    journal.record(
        ev.StepFinished(run_id=RUN, at=plan.at, step=done, summary="", seconds=1, facts=facts)
    )
    restored = last_restore(store.log, "demo")
    assert restored is not None
    assert restored.backup == a_plan().backup.file.name != requested().backup
    assert restored.set_aside == "tsdb_before"
