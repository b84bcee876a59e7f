"""When a swap's approvers will be needed, told from the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.forecast import until_the_gate
from bot.core.journal import Journal
from bot.core.plan import Evidence, Plan
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import RUN, START, a_notice, a_plan, planned

COPY = Evidence(17, ("all there",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock())
    yield store
    store.close()


def gated(store: AuditStore, plan: Plan) -> float:
    """Log a restore up to its gate and return how long it took by the log's clock."""
    nobody: Any = SimpleNamespace(show=lambda _: None)
    journal = Journal(store.log, nobody, Draft("", Phase.NOTE, target="demo"), SteppingClock())
    first = journal.log.append(Draft("run", Phase.INTENT)).at
    journal.record(planned(plan))
    notice = a_notice(plan)
    journal.record(ev.GateOpened(run_id=RUN, at=START, notice=notice, channel="C0OPS", ts="1.0"))
    return (journal.log.append(Draft("run", Phase.NOTE)).at - first).total_seconds() / 3


def of_size(plan: Plan, size: int) -> Plan:
    return replace(plan, backup=replace(plan.backup, file=replace(plan.backup.file, size=size)))


def test_the_last_swap_s_pace_by_the_size_of_the_dumps(store: AuditStore) -> None:
    took = gated(store, of_size(a_plan(evidence=COPY), 1000))
    assert until_the_gate(store.log, of_size(a_plan(), 1000)) == pytest.approx(took)
    assert until_the_gate(store.log, of_size(a_plan(), 3000)) == pytest.approx(3 * took)


def test_a_gate_that_stood_at_the_start_says_nothing_about_it(store: AuditStore) -> None:
    gated(store, a_plan())
    assert until_the_gate(store.log, a_plan()) is None


def test_before_the_first_swap_nobody_knows(store: AuditStore) -> None:
    assert until_the_gate(store.log, a_plan()) is None
