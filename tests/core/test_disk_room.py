"""Room on disk: the old database survives, so that both have to fit."""

import pytest

from bot.core.disk_room import Room, check_room
from bot.core.models import Verdict

GIB = 1 << 30


def test_a_database_that_cannot_fit_fails_and_names_the_missing_bytes() -> None:
    check = check_room(Room(least=10 * GIB, most=20 * GIB, wal=GIB, free=10 * GIB))

    assert check.verdict is Verdict.FAILED
    assert f"{GIB} bytes missing" in check.evidence
    assert check.remedy


def test_a_database_that_may_not_fit_only_warns() -> None:
    check = check_room(Room(least=10 * GIB, most=20 * GIB, wal=GIB, free=15 * GIB))

    assert check.verdict is Verdict.WARNING
    assert "20.0 GiB" in check.evidence


@pytest.mark.parametrize("free", [21 * GIB, 100 * GIB])
def test_room_for_the_most_it_may_take_is_enough(free: int) -> None:
    check = check_room(Room(least=10 * GIB, most=20 * GIB, wal=GIB, free=free))

    assert check.verdict is Verdict.OK


def test_exactly_enough_is_not_missing() -> None:
    assert Room(least=10, most=10, wal=5, free=15).missing == 0
    assert Room(least=10, most=10, wal=5, free=14).missing == 1
