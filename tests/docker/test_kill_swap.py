"""kill -9 of a swap before, in and after each step; then it is gone on with, or taken back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.core.models import Strategy
from bot.core.plan import StepName
from tests.docker.crash import AFTER, Point
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


@contextmanager
def replaced(killing: Killing, *, there: bool = True) -> Iterator[None]:
    """Meanwhile the dump is gone, or its name is that of another one."""
    database, dump = killing.installation.database, f"/backup/{killing.dump}"
    another = f"pg_dump -U postgres -Fc -f {dump} postgres && touch -d '1 hour ago' {dump}"
    for script in (f"mv {dump} {dump}.away", *([another] if there else [])):
        code, said = database.exec("sh", "-c", script)
        assert code == 0, said
    yield
    database.exec("mv", f"{dump}.away", dump)


@pytest.mark.fault("dump replaced")
@pytest.mark.parametrize("step", [StepName.PG_RESTORE, StepName.ANALYZE])
def test_a_copy_is_not_cut_over_in_the_name_of_a_dump_that_took_its_dump_s_place(
    killing: Killing, step: StepName
) -> None:
    run_id = killing.kill(Point(step, AFTER))
    with replaced(killing):
        code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 1
    assert f"{killing.dump} is another dump than the one this run was about" in printed
    assert "What was begun was undone" in printed
    killing.assert_safe(run_id, restored=False)


@pytest.mark.fault("dump gone or replaced")
@pytest.mark.parametrize("there", [True, False], ids=["another", "gone"])
def test_a_resumed_run_without_its_dump_serves_and_says_that_cron_s_jobs_are_missing(
    killing: Killing, *, there: bool
) -> None:
    """The last of this file: the live database has no jobs of pg_cron afterwards."""
    run_id = killing.kill(Point(StepName.CUT_OVER, "rename"))
    with replaced(killing, there=there):
        code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 1
    assert "the dump is gone, or is another one now, so that pg_cron's jobs" in printed
    assert "FAILED" in printed
    assert killing.serves_restored()
    lives = [killing.installation.life(a)[0] for a in killing.installation.applications]
    assert lives == ["running", "running", "created"]
    assert killing.claims() == ()
    killing.tidy()
