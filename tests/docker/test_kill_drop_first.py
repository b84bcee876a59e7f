"""kill -9 of a restore that drops the old database first; gone on with, since nothing is left."""

from collections.abc import Iterator

import pytest

from bot.core.plan import StepName
from tests.docker.crash import BEFORE, WHILE, Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing
from tests.docker.sample import DATABASE
from tests.docker.tsbot import installed

POINTS = (
    Point(StepName.DROP_DATABASE, BEFORE),
    Point(StepName.DROP_DATABASE, "drop_database"),
    Point(StepName.CREATE_DATABASE, "create_database"),
    Point(StepName.PG_RESTORE, WHILE),
    Point(StepName.CUT_OVER, "apply_settings"),
    Point(StepName.CUT_OVER, "rename"),
)
LIMIT = "SELECT datconnlimit FROM pg_database WHERE datname = %s"


@pytest.fixture(scope="module")
def killing(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    directory = tmp_path_factory.mktemp("kill-drop-first")
    with installed(prepared, directory) as made:
        having = made.having(strategy="drop-first")
        killing = Killing.of(having, directory, community=prepared.versions.is_community)
        with made.database.connect() as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} CONNECTION LIMIT 77")
        yield killing


@pytest.mark.fault("kill -9")
@pytest.mark.parametrize("point", POINTS, ids=map(str, POINTS))
def test_a_restore_that_dropped_the_old_database_is_resumed_with_its_settings(
    killing: Killing, point: Point
) -> None:
    run_id = killing.kill(point)
    assert "resume" in killing.decisions(run_id)
    code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 0, printed
    killing.assert_safe(run_id, restored=True)
    assert killing.installation.database.rows("postgres", LIMIT, [DATABASE]) == [(77,)]


@pytest.mark.fault("kill -9")
def test_whoever_takes_it_back_after_the_drop_is_told_that_the_database_is_gone(
    killing: Killing,
) -> None:
    """The last of this file: afterwards there is no database."""
    run_id = killing.kill(Point(StepName.CREATE_DATABASE, BEFORE))
    code, printed = killing.tsbot("runs", "undo", run_id)
    assert (code, "FAILED" in printed) == (1, True), printed
    assert "was dropped before and is GONE" in " ".join(printed.split())
    assert killing.claims() == ()
    lives = [killing.installation.life(a)[0] for a in killing.installation.applications]
    assert lives == ["running", "running", "created"]
