"""What runs have left is known until a later run has settled it, however other runs ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.journal import Journal
from bot.core.leavings import Leavings, leavings
from bot.core.plan import StepName
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import ANA, START, a_plan, requested

STOP, STARTED = StepName.STOP_APPLICATIONS, StepName.START_APPLICATIONS
TURN, BACK = StepName.CUT_OVER, StepName.SWAP_BACK
OLD, RESTORED = 7, 8  # oids


@dataclass
class Log:
    """Runs as they come into a log; each method is one thing that a run did."""

    store: AuditStore

    def record(self, event: ev.Event, target: str = "demo") -> None:
        nobody = SimpleNamespace(show=id)
        Journal(
            self.store.log, nobody, Draft("run", Phase.NOTE, target=target), SteppingClock()
        ).record(event)

    def begin(self, run: str, step: StepName, target: str = "demo", **facts: object) -> None:
        self.record(ev.StepStarted(run_id=run, at=START, step=step, intent="", facts=facts), target)

    def finish(self, run: str, step: StepName, **facts: object) -> None:
        self.record(
            ev.StepFinished(run_id=run, at=START, step=step, summary="", seconds=1, facts=facts)
        )

    def fail(self, run: str, step: StepName, **facts: object) -> None:
        self.record(
            ev.StepFailed(run_id=run, at=START, step=step, sentence="no", seconds=1, facts=facts)
        )

    def undo(self, run: str, step: StepName, *, ok: bool) -> None:
        self.record(ev.StepUndone(run_id=run, at=START, step=step, summary="", ok=ok))

    def end(self, run: str, outcome: str) -> None:
        self.record(
            ev.RunFinished(
                run_id=run, at=START, outcome=outcome, sentence="", seconds=1, requester=ANA
            )
        )

    def broken(self, run: str = "restore1", *applications: str) -> None:
        """A restore that shut the database and stopped applications, and undid neither."""
        self.begin(run, STOP, applications=list(applications or ("grafana",)))
        self.finish(run, STOP)
        self.begin(run, TURN)
        self.fail(run, TURN)
        self.undo(run, TURN, ok=False)
        self.undo(run, STOP, ok=False)
        self.end(run, "failed")

    def left(self, oid: int = OLD) -> Leavings:
        return leavings(self.store.log, "demo", oid)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())) as store:
        yield Log(store)


BROKEN = Leavings("restore1", {"grafana": "restore1"})


def test_an_empty_log_and_other_targets_say_nothing(log: Log) -> None:
    log.begin("other000", STOP, "other", applications=["grafana"])
    assert log.left() == Leavings()


@pytest.mark.parametrize("outcome", ["failed", "interrupted", "cancelled", "not approved"])
def test_what_a_run_left_stands_by_whatever_word_it_ended(log: Log, outcome: str) -> None:
    log.broken()
    log.end("restore1", outcome)
    assert log.left() == BROKEN


@pytest.mark.parametrize("outcome", ["succeeded", "unverified", "failed", "refused"])
def test_a_refresh_a_job_or_a_clean_up_that_ended_later_hides_nothing(
    log: Log, outcome: str
) -> None:
    log.broken()
    for step in (StepName.REFRESH, StepName.RUN_JOB, StepName.DROP_KEPT):
        log.begin("later000", step)
        log.finish("later000", step)
        log.end("later000", outcome)
    assert log.left() == BROKEN


def test_a_repair_that_failed_hides_only_what_it_has_put_right(log: Log) -> None:
    log.broken()
    log.begin("repair01", StepName.REPAIR_ACCESS)
    log.fail("repair01", StepName.REPAIR_ACCESS)
    log.end("repair01", "failed")
    assert log.left() == BROKEN
    log.finish("repair02", StepName.REPAIR_ACCESS)
    log.fail("repair02", STARTED)
    log.end("repair02", "failed")
    assert log.left() == Leavings("", {"grafana": "restore1"})
    log.finish("repair03", STARTED, started=["grafana"])
    log.end("repair03", "not approved")
    assert log.left() == Leavings()


def test_a_repair_that_came_to_its_checklist_has_settled_all(log: Log) -> None:
    log.broken()
    log.finish("repair01", StepName.CHECKLIST, left="max_worker_processes is too low", notes="")
    assert log.left() == Leavings()


def test_a_restore_that_took_back_what_it_did_has_left_nothing(log: Log) -> None:
    log.broken()
    log.undo("restore1", TURN, ok=True)
    log.undo("restore1", STOP, ok=True)
    assert log.left() == Leavings()


@pytest.mark.parametrize("step", [TURN, BACK])
def test_a_later_restore_or_rollback_settles_the_database_and_the_applications_it_found_running(
    log: Log, step: StepName
) -> None:
    log.broken("restore1", "grafana", "web")
    log.begin("later000", STOP, applications=["web"])  # grafana was down, and stays so
    log.begin("later000", step)
    log.finish("later000", step)
    log.finish("later000", STARTED, started=["web"])
    log.finish("later000", StepName.CHECKLIST, green=True)
    log.end("later000", "succeeded")
    assert log.left() == Leavings("", {"grafana": "restore1"})


def test_each_application_is_known_by_the_run_that_stopped_it_last(log: Log) -> None:
    log.broken("restore1", "grafana")
    log.broken("restore2", "web")
    assert log.left() == Leavings("restore2", {"grafana": "restore1", "web": "restore2"})


def test_a_log_that_does_not_name_what_was_started_means_what_the_run_had_stopped(log: Log) -> None:
    log.broken()
    log.begin("older000", STOP, applications=["web"])
    log.finish("older000", STARTED)
    assert log.left().stopped == {"grafana": "restore1"}


def test_renames_that_were_committed_leave_a_restored_database_open_and_a_kept_one_shut(
    log: Log,
) -> None:
    log.begin("restore1", TURN)
    log.fail("restore1", TURN, set_aside="tsdb_before")
    assert log.left().shut == ""
    log.begin("rollback", BACK)
    log.fail("rollback", BACK, ended=0)
    assert log.left().shut == "rollback"


def paused(log: Log) -> None:
    """A restore that put database 8 in the live one's place with its jobs paused."""
    plan = a_plan(run_id="restore1", retention=("job 1003 (policy_retention)",))
    log.record(requested(run_id="restore1"))
    log.record(ev.RunPlanned(run_id="restore1", at=START, plan=plan, digest=plan.digest()))
    log.begin("restore1", StepName.RESTORING_OFF)
    log.finish("restore1", StepName.RESTORING_OFF, paused=[1001, 1002, 1003])
    log.begin("restore1", TURN, side_oid=RESTORED)
    log.finish("restore1", TURN)


def test_jobs_are_left_paused_in_the_database_that_the_restore_made_and_in_no_other(
    log: Log,
) -> None:
    paused(log)
    log.end("restore1", "failed")
    log.end("later000", "succeeded")
    left = log.left(RESTORED)
    assert (left.paused_by, left.paused) == ("restore1", (1001, 1002))  # 1003 is retention
    assert log.left(OLD).paused == ()
    log.begin("restore1", StepName.JOBS)
    log.finish("restore1", StepName.JOBS, rearmed=[1001, 1002], waiting=[1003])
    assert log.left(RESTORED).paused == ()
