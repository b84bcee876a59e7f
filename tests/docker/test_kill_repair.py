"""kill -9 of a repair before, in and after its steps: repaired again, or gone on with."""

from collections.abc import Iterator

import pytest

from bot.core.plan import StepName
from tests.docker.crash import AFTER, BEFORE, Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing
from tests.docker.sample import DATABASE
from tests.docker.test_repair import LAYERS, execute, restoring, schedulers, stop_workers
from tests.docker.tsbot import installed

BY_ITSELF = tuple(
    Point(step, moment)
    for step, inside in (
        (StepName.REPAIR_RESTORING, "reset_restoring"),
        (StepName.REPAIR_WORKERS, "restart_workers"),
        (StepName.CHECKLIST, "jobs"),
    )
    for moment in (BEFORE, inside, AFTER)
)
APPROVED = tuple(
    Point(StepName.REPAIR_SETTINGS, moment) for moment in (BEFORE, "reset_restoring", AFTER)
)


@pytest.fixture(scope="module")
def killing(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    directory = tmp_path_factory.mktemp("kill-repair")
    with installed(prepared, directory) as made:
        running = [app.name for app in made.applications if app.status == "running"]
        having = made.having(applications=running)
        yield Killing.of(having, directory, community=False)


def broken(killing: Killing, where: str) -> None:
    """Leave restoring on at a layer, and no workers."""
    database = killing.installation.database
    stop_workers(database)
    execute(database, LAYERS[where].on)


def assert_repaired(killing: Killing, run_id: str) -> None:
    database = killing.installation.database
    assert restoring(database, "postgres") == "off"
    assert schedulers(database)
    assert killing.claims() == ()
    assert killing.tsbot("audit", "verify")[0] == 0
    code, printed = killing.tsbot("repair")
    assert (code, f"Nothing is wrong with {DATABASE}" in printed) == (0, True), printed


@pytest.mark.fault("kill -9 of a repair")
@pytest.mark.parametrize("point", BY_ITSELF, ids=str)
def test_whoever_repairs_again_after_a_killed_repair_is_not_kept_from_it(
    killing: Killing, point: Point
) -> None:
    broken(killing, "database")
    run_id = killing.kill_repair(point)
    code, printed = killing.tsbot("repair")
    assert code == 0, printed
    assert_repaired(killing, run_id)


@pytest.mark.fault("kill -9 of a repair")
@pytest.mark.parametrize("point", APPROVED, ids=str)
def test_a_killed_repair_that_others_felt_waits_for_a_decision_and_is_gone_on_with(
    killing: Killing, point: Point
) -> None:
    broken(killing, "system")
    run_id = killing.kill_repair(point)
    code, printed = killing.tsbot("repair")
    assert (code, f"Run {run_id} died and holds" in printed) == (2, True), printed
    assert "resume" in killing.decisions(run_id)
    code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 0, printed
    assert_repaired(killing, run_id)
