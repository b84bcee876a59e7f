"""kill -9 of a rollback before, in and after each step; then it is gone on with, or taken back."""

from collections.abc import Iterator

import pytest

from bot.core.plan import StepName
from bot.core.rollback import ORDER
from tests.docker.crash import AFTER, BEFORE, Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing
from tests.docker.tsbot import installed

INSIDE = {
    StepName.STOP_APPLICATIONS: ("stop",),
    StepName.SWAP_BACK: ("allow_connections", "terminate", "rename", "restart_workers"),
    StepName.START_APPLICATIONS: ("start",),
}
POINTS = tuple(
    Point(step, moment) for step in ORDER for moment in (BEFORE, *INSIDE.get(step, ()), AFTER)
)


@pytest.fixture(scope="module")
def killing(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    """A restored database serves, and the old one is kept."""
    directory = tmp_path_factory.mktemp("kill-rollback")
    with installed(prepared, directory) as made:
        having = made.having(strategy="swap")
        ready = Killing.of(having, directory, community=prepared.versions.is_community)
        ready.mark()
        code, printed = ready.tsbot("restore", ready.dump, "--yes")
        assert code == 0, printed
        yield ready


@pytest.mark.fault("kill -9")
@pytest.mark.parametrize(("number", "point"), tuple(enumerate(POINTS)), ids=map(str, POINTS))
def test_a_rollback_killed_anywhere_is_resumed_or_taken_back(
    killing: Killing, number: int, point: Point
) -> None:
    restored = killing.serves_restored()
    run_id = killing.kill_rollback(point)
    possible = killing.decisions(run_id)
    decision = "undo" if "undo" in possible and number % 2 else "resume"
    assert decision in possible
    options = ["--yes"] if decision == "resume" else []
    code, printed = killing.tsbot("runs", decision, run_id, *options)
    assert code == 0, printed
    killing.assert_safe(run_id, restored=restored if decision == "undo" else not restored)
