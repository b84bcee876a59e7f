"""kill -9 of a restore in place before, in and after each step; then gone on with, or undone."""

from collections.abc import Iterator

import pytest

from bot.core.models import Strategy
from tests.docker.crash import Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing, points
from tests.docker.tsbot import installed

POINTS = tuple(points(Strategy.IN_PLACE))


@pytest.fixture(scope="module")
def killing(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    directory = tmp_path_factory.mktemp("kill-in-place")
    with installed(prepared, directory) as made:
        having = made.having(strategy="in-place")
        yield Killing.of(having, directory, community=prepared.versions.is_community)


@pytest.mark.fault("kill -9")
@pytest.mark.parametrize(("number", "point"), tuple(enumerate(POINTS)), ids=map(str, POINTS))
def test_a_restore_in_place_killed_anywhere_is_resumed_or_taken_back(
    killing: Killing, number: int, point: Point
) -> None:
    killing.survive(number, point)
