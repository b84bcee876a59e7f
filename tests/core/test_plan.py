"""A plan's order, its names, and a digest that changes exactly with what was approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.models import Container, ContainerRef, JobOwners, Ownership, Restart, Strategy
from bot.core.plan import (
    MAX_NAME,
    ORDER,
    SPECS,
    Evidence,
    Loss,
    Plan,
    StepName,
    order_of,
    set_aside_name,
    side_name,
)
from bot.core.worker_ladder import restart_notice
from tests.core.run_samples import LIVE, START, a_backup, a_plan

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
PLAN = a_plan()
BACKUP = a_backup()
OTHER = Container("b2", "importer", "importer:1", running=True)


def on_target(**changes: object) -> Plan:
    return a_plan(target=replace(PLAN.target, **changes))  # type: ignore[arg-type]


def from_file(**changes: object) -> Plan:
    return a_plan(backup=replace(BACKUP, file=replace(BACKUP.file, **changes)))  # type: ignore[arg-type]


def test_in_place_follows_the_restore_procedure() -> None:
    numbers = [SPECS[name].number for name in ORDER[Strategy.IN_PLACE]]
    assert numbers == ["1", "3", "4", "5", "6", "7", "11", "", "2", "8", "12", "9", "10", ""]


def test_every_numbered_step_happens_exactly_once() -> None:
    numbers = [spec.number for spec in PLAN.steps if spec.number]
    assert sorted(numbers, key=int) == [str(n) for n in range(1, 13)]


def test_preflight_comes_first_and_the_checklist_last() -> None:
    names = [spec.name for spec in PLAN.steps]
    assert (names[0], names[-1]) == (StepName.PREFLIGHT, StepName.CHECKLIST)


def test_what_takes_something_away_is_marked_destructive() -> None:
    destructive = {spec.name for spec in SPECS.values() if spec.destructive}
    assert destructive == {
        StepName.STOP_APPLICATIONS,
        StepName.DROP_DATABASE,
        StepName.CUT_OVER,
        StepName.RESTART,
        StepName.SWAP_BACK,
        StepName.DROP_KEPT,
        StepName.RUN_RETENTION,
        StepName.REPAIR_SETTINGS,
        StepName.REPAIR_LAUNCHER,
    }


def test_a_swap_takes_nothing_away_before_the_copy_is_compared() -> None:
    order = ORDER[Strategy.SWAP]
    compared = order.index(StepName.ANALYZE)
    assert [name for name in order[: compared + 1] if SPECS[name].destructive] == []
    assert order[compared + 1 :][:4] == (
        StepName.UPDATE_EXTENSIONS,
        StepName.STOP_APPLICATIONS,
        StepName.CUT_OVER,
        StepName.START_APPLICATIONS,
    )


@pytest.mark.parametrize(
    ("strategy", "rule", "restarted"),
    [
        (Strategy.SWAP, Restart.AUTO, False),
        (Strategy.IN_PLACE, Restart.AUTO, True),
        (Strategy.DROP_FIRST, Restart.AUTO, True),
        (Strategy.SWAP, Restart.ALWAYS, True),
        (Strategy.IN_PLACE, Restart.LADDER, False),
        (Strategy.IN_PLACE, Restart.NEVER, False),
    ],
)
def test_postgresql_is_restarted_as_a_step_only_where_it_always_is(
    strategy: Strategy, rule: Restart, restarted: bool
) -> None:
    target = replace(a_plan().target, strategy=strategy, restart=rule)
    order = order_of(target)
    assert (StepName.RESTART in order) is restarted
    if restarted:
        assert order[order.index(StepName.RESTART) - 1] is StepName.CUT_OVER
    told = restart_notice(target)
    ladder = target.restart_rule is Restart.LADDER
    assert ("ends the sessions of all its databases" in told) is ladder


def test_drop_first_drops_the_old_database_before_it_makes_the_new_one() -> None:
    order = ORDER[Strategy.DROP_FIRST]
    dropped = order.index(StepName.DROP_DATABASE)
    assert order[dropped - 1 : dropped + 2] == (
        StepName.STOP_APPLICATIONS,
        StepName.DROP_DATABASE,
        StepName.CREATE_DATABASE,
    )
    assert on_target(strategy=Strategy.DROP_FIRST).replaced is None


def test_the_evidence_is_part_of_what_is_approved() -> None:
    seen = Evidence(17, ("rows: 12 in 3 tables",))
    digests = {
        a_plan(evidence=evidence).digest()
        for evidence in (None, seen, replace(seen, side_oid=18), replace(seen, lines=()))
    }
    assert len(digests) == 4


def test_every_step_has_a_description_under_its_own_name() -> None:
    assert set(SPECS) == set(StepName)
    assert all(spec.name is name and spec.title for name, spec in SPECS.items())


@given(NAMES, st.sampled_from(["7f3a2b1c", "r1"]))
def test_a_name_of_ours_fits_whatever_the_live_name_is(live: str, run_id: str) -> None:
    for name in (side_name(live, run_id), set_aside_name(live, run_id)):
        assert len(name.encode()) <= MAX_NAME
        assert name.endswith(run_id)


@given(NAMES, NAMES)
def test_names_of_different_runs_differ_even_for_long_names(first: str, second: str) -> None:
    assert side_name(first, "aaaaaaaa") != side_name(second, "bbbbbbbb")
    assert side_name(first, "aaaaaaaa") != set_aside_name(first, "aaaaaaaa")


def test_a_short_name_is_kept_whole() -> None:
    assert side_name("tsdb", "7f3a2b1c") == "tsdb_restore_7f3a2b1c"
    assert set_aside_name("tsdb", "7f3a2b1c") == "tsdb_before_7f3a2b1c"


def test_a_long_name_is_not_cut_within_a_letter() -> None:
    name = side_name("데이터베이스" * 4, "7f3a2b1c")
    assert name.removesuffix("_restore_7f3a2b1c") == ("데이터베이스" * 4)[:15]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: a_plan(run_id="r000000"), id="run"),
        pytest.param(lambda: on_target(name="other"), id="target"),
        pytest.param(lambda: on_target(database="other"), id="database"),
        pytest.param(lambda: a_plan(live=replace(LIVE, oid=16999)), id="oid"),
        pytest.param(lambda: a_plan(live=None), id="database gone"),
        pytest.param(lambda: a_plan(system_identifier="73"), id="server"),
        pytest.param(lambda: a_plan(container=replace(PLAN.container, id="x")), id="container"),
        pytest.param(lambda: a_plan(backup=replace(BACKUP, sha256="cd" * 32)), id="bytes"),
        pytest.param(lambda: from_file(size=1), id="size"),
        pytest.param(lambda: from_file(path="/backups/other.dump"), id="path"),
        pytest.param(lambda: a_plan(applications=()), id="no applications"),
        pytest.param(lambda: a_plan(applications=(*PLAN.applications, OTHER)), id="one more"),
        pytest.param(lambda: on_target(ownership=Ownership.GUIDE), id="ownership"),
        pytest.param(lambda: on_target(job_owners=JobOwners.REPAIR), id="owners of jobs"),
        pytest.param(lambda: on_target(count_rows=False), id="rows not counted"),
        pytest.param(lambda: on_target(extensions=("timescaledb", "vector")), id="extensions"),
        pytest.param(lambda: a_plan(retention=()), id="retention"),
        pytest.param(lambda: a_plan(timescaledb_after="2.23.1"), id="update of TimescaleDB"),
    ],
)
def test_the_digest_changes_with_what_was_approved(change: Callable[[], Plan]) -> None:
    assert change().digest() != PLAN.digest()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: a_plan(loss=Loss(START, START)), id="newest row"),
        pytest.param(lambda: a_plan(loss=Loss(None, None)), id="unknown loss"),
        pytest.param(lambda: a_plan(warnings=("4 sessions end",)), id="warnings"),
        pytest.param(lambda: a_plan(live=replace(LIVE, size=1)), id="size of the database"),
        pytest.param(lambda: a_plan(container=replace(PLAN.container, running=False)), id="state"),
        pytest.param(lambda: from_file(modified=START), id="time of the file"),
        pytest.param(lambda: on_target(container=ContainerRef(service="db")), id="how it is found"),
    ],
)
def test_the_digest_does_not_change_with_what_moves(change: Callable[[], Plan]) -> None:
    assert change().digest() == PLAN.digest()


def test_the_order_of_applications_and_extensions_is_no_difference() -> None:
    one = a_plan(applications=(*PLAN.applications, OTHER))
    other = a_plan(applications=(OTHER, *PLAN.applications))
    assert one.digest() == other.digest()
    ours, theirs = on_target(extensions=("a", "b")), on_target(extensions=("b", "a"))
    assert ours.digest() == theirs.digest()


def test_a_digest_is_a_sha256_in_hexadecimal() -> None:
    assert len(bytes.fromhex(PLAN.digest())) == 32
