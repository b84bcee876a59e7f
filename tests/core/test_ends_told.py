"""Whatever breaks, the run ends in front of everybody, and what it says is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.operating import OperatorGate
from bot.core import events as ev
from bot.core.audit import Draft, Phase, Query
from bot.core.errors import ContainerNotFound, Refused, StepFailed
from bot.core.journal import Journal
from bot.core.models import Container, ContainerRef, Facts
from bot.core.plan import StepName
from bot.core.ports import AuditLog
from bot.core.refresh import RefreshRun
from bot.core.requests import RefreshRequest
from bot.core.retention import waiting_after
from bot.core.run_view import fold
from bot.core.step_log import StepLog
from bot.core.steps.applications import START, STOP
from bot.core.steps.stage import Intent
from tests.core.run_samples import ANA, BEN, RUN, a_plan, planned, requested
from tests.core.run_samples import START as NOW

CLOCK: Any = SimpleNamespace(now=lambda: NOW)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    with closing(AuditStore(tmp_path / "audit.db", SystemClock())) as store:
        yield store.log


class Closed:
    """A terminal that is gone."""

    def show(self, event: ev.Event) -> None:
        raise BrokenPipeError


def journal(log: AuditLog, presenter: Any) -> Journal:
    return Journal(log, presenter, Draft("run", Phase.NOTE, target="demo"), CLOCK)


def test_a_closed_terminal_breaks_off_neither_a_step_nor_its_undoing(log: AuditLog) -> None:
    told = journal(log, Closed())
    told.record(requested())
    told.record_safe(ev.StepUndone(run_id=RUN, at=NOW, step=StepName.CUT_OVER, summary="", ok=True))
    told.show(ev.OutputArrived(run_id=RUN, at=NOW, step=StepName.PG_RESTORE, lines=("x",)))
    assert len(log.entries(Query())) == 2


def held(log: AuditLog, facts: Facts) -> list[ev.Event]:
    """Return a log in which the step of the jobs has failed after it had done its part."""
    seen: list[ev.Event] = []
    told = StepLog(RUN, journal(log, SimpleNamespace(show=seen.append)), CLOCK)
    told.started(StepName.JOBS, Intent(""))
    told.failed(StepFailed("pg_cron's history does not fit"), facts)
    return seen


def test_retention_that_a_failed_step_left_paused_can_be_armed(
    log: AuditLog,
) -> None:
    seen = held(log, {"rearmed": [1], "waiting": [1003]})
    waiting = waiting_after(log, RUN)
    assert waiting.jobs == (1003,)
    view = None
    for event in (requested(), planned(), *seen):
        view = fold(view, event)
    assert view is not None
    assert view.waiting == (1003,)


def test_a_run_taken_up_again_that_armed_all_leaves_nothing_waiting(log: AuditLog) -> None:
    held(log, {"waiting": [1003]})
    done = ev.StepFinished(
        run_id=RUN, at=NOW, step=StepName.JOBS, summary="", seconds=1, facts={"waiting": []}
    )
    journal(log, SimpleNamespace(show=id)).record(done)
    with pytest.raises(Refused, match="left no retention job waiting"):
        waiting_after(log, RUN)


def test_a_refresh_that_breaks_off_says_so(log: AuditLog) -> None:
    def broken(_: str, __: float) -> None:
        raise KeyError("unforeseen")

    bench: Any = SimpleNamespace(
        target=a_plan().target, cluster=SimpleNamespace(advisory_lock=broken), clock=CLOCK
    )
    told = journal(log, SimpleNamespace(show=id))
    finished = RefreshRun(RUN, RefreshRequest("demo", "all"), ANA, bench, told, bool).execute()
    assert (finished.outcome, finished.sentence) == (
        "failed",
        "internal error: KeyError('unforeseen')",
    )


def test_who_approves_on_the_terminal_is_not_who_asked_in_slack(log: AuditLog) -> None:
    gate = OperatorGate(journal(log, SimpleNamespace(show=id)), True, BEN)
    assert gate.approve(a_plan(), ANA) == (BEN,)
    [entry] = log.entries(Query())
    assert entry.draft.detail["approvers"] == [{"id": BEN.id, "name": BEN.name}]


def test_an_application_that_was_removed_is_neither_found_running_nor_an_error() -> None:
    def find(ref: ContainerRef) -> Container:
        raise ContainerNotFound(f"there is no container {ref}")

    plan = a_plan()
    work: Any = SimpleNamespace(
        host=SimpleNamespace(find=find),
        target=SimpleNamespace(applications=(ContainerRef("grafana"),)),
        applications=plan.applications,
    )
    assert START.probe(work) is None
    assert STOP.probe(work) is not None
    again = Container("new", "grafana", "grafana:11", running=True)
    work.host = SimpleNamespace(find=lambda _: again)
    assert START.probe(work) is None
