"""A run that was stopped and cannot take everything back has failed, whoever stopped it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeRun
from bot.core.errors import GateNotPassed, Refused, RunCancelled, StepFailed, TsbotError
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.plan import StepName
from bot.core.prepare import RestoreRequest
from bot.core.runner import RestoreRun
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.walk import Walk
from tests.core.run_samples import ANA, RUN, a_plan

BEGUN, STOPPED_IN = StepName.REPAIR_WORKERS, StepName.REPAIR_RESTORING
STOPPED = [
    (RunCancelled("cancelled"), "cancelled"),
    (GateNotPassed("cancelled", "cancelled at the gate"), "cancelled"),
    (GateNotPassed("vetoed", "cho said no"), "not approved"),
    (Refused("backup_gone", "the backup is gone"), "refused"),
]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    clock, nobody = SystemClock(), SimpleNamespace(show=id)
    with closing(AuditStore(tmp_path / "audit.db", clock)) as store:
        yield Journal(store.log, nobody, Draft("run", Phase.NOTE, target="demo"), clock)


@contextmanager
def lock(key: str, wait: float) -> Iterator[None]:
    yield


def bench() -> Any:
    return SimpleNamespace(
        target=a_plan().target,
        host=DockerHost("unix:///nowhere/docker.sock"),
        cluster=SimpleNamespace(advisory_lock=lock),
        clock=SystemClock(),
    )


def stages(error: TsbotError, *, taken_back: bool) -> list[Stage[Any]]:
    """A step that may not be taken back, and one in which the run is stopped."""

    def undo(_: object) -> str:
        if not taken_back:
            raise StepFailed("applications are DOWN")
        return "started"

    def act(_: object) -> Outcome:
        raise error

    begun: Stage[Any] = Stage(
        BEGUN, lambda _: Intent("begin"), lambda _: Outcome("begun"), undo=undo
    )
    return [begun, Stage(STOPPED_IN, lambda _: Intent("go on"), act)]


class Stopped:
    """A change that is stopped in its second step."""

    def __init__(self, steps: Sequence[Stage[Any]]) -> None:
        self.steps = steps

    def plan(self, run_id: str) -> ChangePlan:
        restore, order = a_plan(), (BEGUN, STOPPED_IN)
        return ChangePlan(
            run_id, restore.target, "repair", "repair", "", order, restore.container, (), "7"
        )

    def stages(self, plan: ChangePlan) -> Sequence[Stage[Any]]:
        return self.steps

    def verdict(self, work: object) -> Ending:
        raise NotImplementedError


class StoppedRestore(RestoreRun):
    """A restore of nothing but these steps."""

    steps: Sequence[Stage[Any]] = ()

    def _run(self, lease: Lease) -> Ending:
        work = self._work_on(SimpleNamespace(plan=a_plan(), toc=None, manifest=None), lease)  # type: ignore[arg-type]
        self._walk = walk = Walk(self._log, work, lambda: None)
        walk.through(self.steps)
        raise AssertionError("it was not stopped")


def restore(journal: Journal, steps: Sequence[Stage[Any]]) -> ev.RunFinished:
    gate: Any = None
    asked = RestoreRequest("demo", "latest")
    run = StoppedRestore(RUN, asked, ANA, bench(), gate, journal, bool)
    run.steps = steps
    return run.execute()


def change(journal: Journal, steps: Sequence[Stage[Any]]) -> ev.RunFinished:
    gate: Any = None
    return ChangeRun(RUN, Stopped(steps), ANA, bench(), gate, journal, bool).execute()


@pytest.mark.parametrize("run", [restore, change])
@pytest.mark.parametrize(("error", "outcome"), STOPPED)
def test_a_run_that_was_stopped_has_failed_where_something_could_not_be_taken_back(
    run: Any, error: TsbotError, outcome: str, journal: Journal
) -> None:
    ended = run(journal, stages(error, taken_back=False))
    assert ended.outcome == "failed"
    assert str(error) in ended.sentence
    assert "Not everything could be undone: applications are DOWN." in ended.sentence
    assert run(journal, stages(error, taken_back=True)).outcome == outcome
