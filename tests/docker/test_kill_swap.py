"""kill -9 of a swap before, in and after each step; then it is gone on with, or taken back."""

from collections.abc import Iterator

import pytest

from bot.core.models import Strategy
from bot.core.plan import StepName
from tests.docker.crash import Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing, points
from tests.docker.tsbot import installed

POINTS = tuple(points(Strategy.SWAP))


@pytest.fixture(scope="module")
def killing(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    directory = tmp_path_factory.mktemp("kill-swap")
    with installed(prepared, directory) as made:
        having = made.having(strategy="swap")
        yield Killing.of(having, directory, community=prepared.versions.is_community)


@pytest.mark.fault("kill -9")
@pytest.mark.parametrize(("number", "point"), tuple(enumerate(POINTS)), ids=map(str, POINTS))
def test_a_swap_killed_anywhere_is_resumed_or_taken_back(
    killing: Killing, number: int, point: Point
) -> None:
    killing.survive(number, point)


@pytest.mark.fault("dump gone")
def test_a_resumed_run_without_its_dump_serves_and_says_that_cron_s_jobs_are_missing(
    killing: Killing,
) -> None:
    """The last of this file: the live database has no jobs of pg_cron afterwards."""
    database, dump = killing.installation.database, f"/backup/{killing.dump}"
    run_id = killing.kill(Point(StepName.CUT_OVER, "rename"))
    database.exec("mv", dump, f"{dump}.away")
    code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 1
    assert "the dump can no longer be read, so that pg_cron's jobs" in printed
    assert "FAILED" in printed
    assert killing.serves_restored()
    lives = [killing.installation.life(a)[0] for a in killing.installation.applications]
    assert lives == ["running", "running", "created"]
    assert killing.claims() == ()
