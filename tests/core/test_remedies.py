"""What a repair does at once, what it asks for, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.findings import findings
from bot.core.leavings import Leavings
from bot.core.models import DatabaseFacts, RestoringLayer
from bot.core.plan import SPECS, StepName
from bot.core.remedies import SEQUENCE, Remedies, remedies
from bot.core.repair_look import Look
from bot.core.retention import Waiting
from bot.core.server_setting import ServerSetting
from bot.core.status import Application
from tests.core.run_samples import START
from tests.core.test_status import GRAFANA, HEALTHY, job, view

WORKERS, PROCESSES = "timescaledb.max_background_workers", "max_worker_processes"
FACTS = DatabaseFacts(
    oid=7,
    name="tsdb",
    owner="app",
    encoding="UTF8",
    collate="C",
    ctype="C",
    locale_provider="libc",
    locale=None,
    tablespace="pg_default",
    allows_connections=True,
    size=1,
    comment="",
)
WELL = Look(HEALTHY, FACTS)
RETENTION = job(1001, procedure="policy_retention")


def layer(where: str, detail: str = "app", value: str = "on") -> RestoringLayer:
    return RestoringLayer(where, detail, value)


def seen(look: Look = WELL, **status: object) -> Look:
    return replace(look, status=replace(look.status, **status))  # type: ignore[arg-type]


def raised(name: str, value: str, source: str = "configuration file", written: str = "") -> Look:
    settings = (ServerSetting(name, value, source, written),)
    return replace(WELL, settings=settings, parallel=8)


def steps(look: Look, *, woken: bool = False) -> list[StepName]:
    needed = remedies(look).steps(woken=woken)
    return [name for name in SEQUENCE if name in needed]


def told(look: Look) -> str:
    return "\n".join(f"{c.name}: {c.evidence} → {c.remedy}" for c in findings(look, remedies(look)))


def test_where_all_is_well_there_is_nothing_to_do_and_nothing_to_say() -> None:
    assert steps(WELL) == []
    assert findings(WELL, remedies(WELL)) == ()


def test_what_waits_for_approval_comes_after_all_that_does_not() -> None:
    destructive = [SPECS[name].destructive for name in SEQUENCE if name is not StepName.CHECKLIST]
    assert destructive == sorted(destructive)


@pytest.mark.parametrize("where", ["database", "database and role"])
def test_a_layer_of_this_database_alone_is_reset_without_approval(where: str) -> None:
    look = seen(layers=(layer(where),))
    assert StepName.REPAIR_RESTORING in steps(look)
    assert not any(SPECS[name].destructive for name in steps(look))


@pytest.mark.parametrize(
    "found", [layer("role"), layer("role", "all roles"), layer("system", "/d/auto.conf:3")]
)
def test_a_layer_that_other_databases_obey_waits_for_approval(found: RestoringLayer) -> None:
    assert StepName.REPAIR_SETTINGS in steps(seen(layers=(found,)))
    assert "needs approval" in told(seen(layers=(found,)))


@pytest.mark.parametrize("found", [layer("file", "/d/x.conf:9"), layer("system", "command line")])
def test_a_place_that_no_statement_reaches_is_named_and_nobody_is_woken_for_it(
    found: RestoringLayer,
) -> None:
    look = seen(layers=(found,), workers=())
    assert steps(look) == []
    assert found.detail in told(look)
    assert "I don't change that place" in told(look)


def test_a_layer_that_says_off_is_no_finding() -> None:
    assert findings(seen(layers=(layer("database", value="off"),)), Remedies()) == ()


def test_workers_are_asked_first_and_only_in_vain_more_is_asked_for() -> None:
    look = seen(workers=())
    assert steps(look) == [StepName.REPAIR_WORKERS]
    asked_for = steps(look, woken=True)[1:]
    assert asked_for == [StepName.REPAIR_LAUNCHER, StepName.RESTART]


def test_workers_are_not_woken_while_a_server_setting_keeps_them_down() -> None:
    look = seen(layers=(layer("system", "/d/auto.conf:3"),), workers=())
    assert steps(look) == [StepName.REPAIR_SETTINGS]
    assert steps(look, woken=True) == [StepName.REPAIR_SETTINGS]


def test_jobs_that_nobody_schedules_wake_the_workers() -> None:
    late = job(next_start=START - timedelta(days=1))
    assert steps(seen(jobs=(late,))) == [StepName.REPAIR_WORKERS]
    assert steps(seen(jobs=(job(next_start=None),))) == [StepName.REPAIR_WORKERS]


@pytest.mark.parametrize(("chunks", "held"), [(3, True), (None, True), (0, False)])
def test_retention_is_held_before_the_workers_wake_unless_it_has_nothing_to_drop(
    chunks: int | None, *, held: bool
) -> None:
    look = replace(seen(workers=(), jobs=(RETENTION,)), due=((1001, chunks),))
    assert (StepName.REPAIR_RETENTION in steps(look)) is held
    assert remedies(look).hold == ((1001,) if held else ())


def test_retention_is_left_alone_where_nobody_is_woken() -> None:
    assert steps(replace(seen(jobs=(RETENTION,)), due=((1001, 3),))) == []


def test_a_threshold_is_raised_with_a_restart_and_approvers_read_old_and_new() -> None:
    look = raised(WORKERS, "4")
    assert steps(look) == [StepName.REPAIR_SETTINGS, StepName.RESTART]
    assert remedies(look).subject() == {WORKERS: "4 → 8"}
    assert "4 → 8" in told(look)


def test_max_worker_processes_is_raised_to_what_all_workers_need() -> None:
    assert remedies(raised(PROCESSES, "4")).subject() == {PROCESSES: "4 → 19"}


def test_a_higher_value_that_only_waits_for_a_restart_is_not_lowered() -> None:
    [found] = remedies(raised(WORKERS, "4", written="32")).raised
    assert (found.new, found.written) == ("32", True)


def test_a_threshold_from_the_command_line_is_left_to_a_person() -> None:
    look = raised(WORKERS, "4", "command line")
    assert steps(look) == []
    assert "it comes from the command line" in told(look)


def test_only_what_was_approved_is_left_of_a_plan_taken_up_again() -> None:
    found = remedies(seen(raised(WORKERS, "4"), layers=(layer("role"),)))
    kept = found.within({WORKERS: "4 → 8"})
    assert [r.name for r in kept.raised] == [WORKERS]
    assert kept.reset_there == ()
    assert found.within({WORKERS: "4 → 16"}).raised == ()


SHUT = replace(WELL, access=replace(FACTS, allows_connections=False))


def test_a_database_that_a_dead_run_has_shut_is_opened() -> None:
    assert steps(replace(SHUT, left=Leavings("ab12cd34"))) == [StepName.REPAIR_ACCESS]


@pytest.mark.parametrize("left", [Leavings(), Leavings(stopped={"grafana": "ab12cd34"})])
def test_a_database_that_no_run_came_to_shut_stays_shut(left: Leavings) -> None:
    look = replace(SHUT, left=left)
    assert steps(look) == []
    assert "no run of mine has left it so" in told(look)


def test_a_connection_limit_of_zero_goes_back_to_that_of_the_database_before() -> None:
    look = replace(WELL, limit=0, limit_before=40, left=Leavings("ab12cd34"))
    assert remedies(look).open_with == 40


def test_applications_are_started_only_where_a_dead_run_stopped_them() -> None:
    down = replace(GRAFANA, running=False)
    look = seen(applications=(Application("grafana", down),))
    assert steps(look) == []
    assert "no run of mine left it so" in told(look)
    left = replace(look, left=Leavings(stopped={"grafana": "ab12cd34"}))
    assert remedies(left).start == (down,)


def test_paused_jobs_are_told_apart_by_who_paused_them_and_none_is_armed() -> None:
    paused = tuple(job(n, scheduled=False) for n in (1001, 1002, 1003))
    look = replace(
        seen(jobs=paused),
        waiting=(Waiting("11111111", "demo", (1001,)),),
        left=Leavings(paused_by="22222222", paused=(1002,)),
    )
    assert steps(look) == []
    first, second, third = told(look).splitlines()
    assert "job 1001: retention, left paused by run 11111111" in first
    assert "job 1002: left paused by run 22222222, which broke off" in second
    assert "job 1003: paused" in third


def test_empty_aggregates_are_named_with_the_command_that_fills_them() -> None:
    [found] = findings(seen(aggregates=(view(has_data=False),)), Remedies())
    assert found.remedy == "/refresh all"
