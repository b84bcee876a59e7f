"""The five points: each green for its reason, red for its reason, and never green unread."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.jobs import Job
from bot.core.models import (
    Check,
    Container,
    ContainerRef,
    ContinuousAggregate,
    RestoringLayer,
    Session,
    Target,
    Verdict,
)
from bot.core.points import checklist
from bot.core.status import Application, Expectations, Status
from bot.core.worker_ladder import LAUNCHER, SCHEDULER
from tests.core.run_samples import START

TARGET = Target("demo", "tsdb", ContainerRef("db"), "/b", applications=(ContainerRef("grafana"),))
GRAFANA = Container("g1", "grafana", "grafana:11", running=True)
RESTORING, WORKERS, JOBS, AGGREGATES, APPLICATIONS = range(5)


def worker(application: str, database: str, pid: int) -> Session:
    return Session(pid, database, "postgres", application, "", application)


def job(number: int = 1000, **changes: Any) -> Job:
    made = Job(
        id=number,
        application="Refresh",
        procedure="policy_refresh_continuous_aggregate",
        owner="app",
        scheduled=True,
        interval=timedelta(minutes=1),
        next_start=START,
        running=False,
        hypertable="public.metrics",
        last_status="Success",
        last_success=START,
    )
    return replace(made, **changes)


def view(name: str = "metrics_1m", has_data: bool = True) -> ContinuousAggregate:
    return ContinuousAggregate("public", name, "app", "public.metrics", "i.m", has_data, START)


HEALTHY = Status(
    TARGET,
    START,
    Container("c1", "db", "timescaledb", running=True),
    (Application("grafana", GRAFANA),),
    restoring="off",
    workers=(worker(LAUNCHER, "", 40), worker(SCHEDULER, "tsdb", 41)),
    jobs=(job(),),
    aggregates=(view(),),
)
UNREADABLE = Status(TARGET, START, problems=("database tsdb: the server does not answer",))


def point(number: int, expected: Expectations | None = None, **changes: Any) -> Check:
    return checklist(replace(HEALTHY, **changes), expected)[number]


def test_a_healthy_target_has_five_green_points_each_with_evidence() -> None:
    checks = checklist(HEALTHY)
    assert [check.verdict for check in checks] == [Verdict.OK] * 5
    assert all(check.evidence and not check.remedy for check in checks)


def test_what_could_not_be_read_is_unknown_and_says_why() -> None:
    checks = checklist(UNREADABLE)
    assert [check.verdict for check in checks] == [Verdict.UNKNOWN] * 5
    assert all("does not answer" in check.evidence and check.remedy for check in checks)
    assert not any(check.passed for check in checks)


@pytest.mark.parametrize(
    "where", ["session", "database", "role", "database and role", "system", "file"]
)
@pytest.mark.parametrize("value", ["on", "ON", "true", "1", "yes"])
def test_restoring_set_on_at_any_layer_is_red_although_a_new_session_says_off(
    where: str, value: str
) -> None:
    check = point(RESTORING, layers=(RestoringLayer(where, "app", value),))
    assert check.verdict is Verdict.FAILED
    assert check.remedy.endswith("; then restart the workers, or PostgreSQL")
    assert f"{where} app" in check.evidence


def test_a_layer_that_says_off_is_no_leftover() -> None:
    layers = (RestoringLayer("database", "tsdb", "off"),)
    assert point(RESTORING, layers=layers).verdict is Verdict.OK


def test_restoring_on_in_a_new_session_is_red_although_no_layer_shows_it() -> None:
    check = point(RESTORING, restoring="on")
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "on in a new session")
    assert "RESET timescaledb.restoring" in check.remedy


def test_a_launcher_and_our_scheduler_are_shown_by_their_pids() -> None:
    assert point(WORKERS).evidence == "launcher pid 40, scheduler of this database pid 41"


def test_the_scheduler_of_another_database_does_not_count() -> None:
    others = (worker(LAUNCHER, "", 40), worker(SCHEDULER, "other", 41))
    check = point(WORKERS, workers=others)
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "no scheduler for tsdb")


def test_a_scheduler_without_a_launcher_is_red() -> None:
    check = point(WORKERS, workers=(worker(SCHEDULER, "tsdb", 41),))
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "no launcher")


def test_no_worker_at_all_is_red_not_unknown() -> None:
    assert point(WORKERS, workers=()).verdict is Verdict.FAILED


def test_a_scheduled_job_without_a_next_start_is_red_and_named() -> None:
    check = point(JOBS, jobs=(job(1001, next_start=None), job(1002)))
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "no next start: 1001")


def test_a_job_that_is_running_now_needs_no_next_start() -> None:
    assert point(JOBS, jobs=(job(next_start=None, running=True),)).verdict is Verdict.OK


def test_timescaledbs_own_jobs_are_not_judged() -> None:
    check = point(JOBS, jobs=(job(1, next_start=None),))
    assert (check.verdict, check.evidence) == (Verdict.OK, "this database has no jobs of its own")


def test_paused_jobs_are_counted_and_named_where_nobody_paused_them_on_purpose() -> None:
    jobs = (job(1000), job(1001, scheduled=False, next_start=None))
    assert point(JOBS, jobs=jobs).evidence == "1 job scheduled, 1 paused (1001)"
    meant = Expectations(paused_jobs=frozenset({1001}))
    assert point(JOBS, meant, jobs=jobs).evidence == "1 job scheduled, 1 paused"


def test_a_job_paused_by_somebody_else_is_named_beside_those_paused_on_purpose() -> None:
    jobs = tuple(job(n, scheduled=False) for n in (1001, 1002))
    meant = Expectations(paused_jobs=frozenset({1001}))
    assert point(JOBS, meant, jobs=jobs).evidence == "0 jobs scheduled, 2 paused (1002)"


def test_a_next_start_is_not_green_where_a_job_was_seen_to_fail() -> None:
    seen = (
        Check("job 1000, a", Verdict.OK, "ran"),
        Check("job 1001, b", Verdict.FAILED, "failed: no luck", "mend it"),
    )
    check = point(JOBS, Expectations(proofs=seen), jobs=(job(1000), job(1001)))
    assert (check.verdict, check.remedy) == (Verdict.FAILED, "mend it")
    assert check.evidence == "2 jobs scheduled; job 1001, b: failed: no luck"


def test_a_job_not_seen_to_run_is_a_warning_and_those_seen_are_counted() -> None:
    seen = (Check("job 1000, a", Verdict.WARNING, "scheduled"),)
    assert point(JOBS, Expectations(proofs=seen)).verdict is Verdict.WARNING
    proven = point(JOBS, Expectations(proofs=(Check("job 1000, a", Verdict.OK, "ran"),)))
    assert proven.evidence == "1 job scheduled, 1 seen to run since the restore"


def test_many_failed_proofs_are_counted_not_all_told() -> None:
    seen = tuple(Check(f"job {n}", Verdict.FAILED, "failed", "x") for n in range(1000, 1005))
    evidence = point(JOBS, Expectations(proofs=seen)).evidence
    assert evidence.count("failed") == 3
    assert evidence.endswith("; and 2 more")


def test_a_job_whose_last_run_failed_is_a_warning_with_its_error() -> None:
    late = 'cannot drop portal "" while it is being set up'  # after the work was committed
    jobs = (job(1001, last_status="Failed", error=late), job(1002))
    assert point(JOBS, jobs=jobs).verdict is Verdict.OK
    check = point(JOBS, jobs=(job(1001, last_status="Failed", error="must be owner"), job(1002)))
    assert check.verdict is Verdict.WARNING
    assert check.evidence == "2 jobs scheduled; last run failed: 1001 (1001: must be owner)"


def test_an_empty_aggregate_is_red_and_named() -> None:
    check = point(AGGREGATES, aggregates=(view(), view("metrics_1h", has_data=False)))
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "empty: public.metrics_1h")
    assert check.remedy == "/refresh all"


def test_an_aggregate_that_was_empty_in_the_dump_may_be_empty() -> None:
    expected = Expectations(empty_views=frozenset({"public.metrics_1h"}))
    views = (view(), view("metrics_1h", has_data=False))
    assert point(AGGREGATES, expected, aggregates=views).verdict is Verdict.OK


def test_a_database_without_aggregates_is_green_and_says_so() -> None:
    assert point(AGGREGATES, aggregates=()).evidence == "this database has none"


def test_an_application_that_is_stopped_is_red_and_named() -> None:
    stopped = Application("grafana", replace(GRAFANA, running=False))
    check = point(APPLICATIONS, applications=(stopped,))
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "not running: grafana")


def test_an_application_that_could_not_be_looked_up_is_unknown() -> None:
    problems = ("container grafana: the engine does not answer",)
    check = point(APPLICATIONS, applications=(), problems=problems)
    assert (check.verdict, check.evidence) == (Verdict.UNKNOWN, problems[0])


def test_after_a_restore_only_applications_that_ran_before_have_to_run() -> None:
    stopped = (Application("grafana", replace(GRAFANA, running=False)),)
    check = point(APPLICATIONS, Expectations(running=()), applications=stopped)
    assert (check.verdict, check.evidence) == (Verdict.OK, "none to run")


def test_an_application_that_ran_before_and_is_gone_is_red() -> None:
    gone = (Application("grafana", None),)
    check = point(APPLICATIONS, Expectations(running=("grafana",)), applications=gone)
    assert check.verdict is Verdict.FAILED


def test_a_job_whose_start_has_long_passed_is_not_being_scheduled() -> None:
    late = job(next_start=START - timedelta(minutes=6))
    check = point(2, jobs=(late,))
    assert check.verdict is Verdict.FAILED
    assert check.evidence == f"overdue: {late.id}"


def test_a_job_is_late_only_after_its_interval_and_not_while_it_runs() -> None:
    hourly = job(next_start=START - timedelta(minutes=50), interval=timedelta(hours=1))
    running = job(next_start=START - timedelta(days=1), running=True)
    assert point(2, jobs=(hourly, running)).verdict is Verdict.OK


def test_nobody_is_told_to_start_applications_that_a_run_at_work_has_stopped() -> None:
    down = replace(HEALTHY, applications=(Application("grafana", replace(GRAFANA, running=False)),))
    plain = checklist(down)[APPLICATIONS]
    during = checklist(down, Expectations(at_work="r7f3a2"))[APPLICATIONS]
    assert plain.remedy == "start them"
    assert (during.verdict, during.remedy) == (
        Verdict.FAILED,
        "leave them: run r7f3a2 starts those it stopped",
    )


def test_an_application_whose_container_is_gone_is_not_called_stopped() -> None:
    gone = checklist(replace(HEALTHY, applications=(Application("grafana", None),)))[APPLICATIONS]
    assert (gone.verdict, gone.evidence) == (Verdict.FAILED, "no such container: grafana")
    assert gone.remedy == "create it, or correct `applications`"
