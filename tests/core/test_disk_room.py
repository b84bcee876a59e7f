"""Room on disk: the old database survives, so that both have to fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.disk_room import Room, check_room
from bot.core.models import Verdict

GIB = 1 << 30
ROOM = Room(10 * GIB, 20 * GIB, GIB, {"/data": 100 * GIB}, 100 * GIB, "/data", "/data")


def room(free: int, least: int = 10 * GIB, most: int = 20 * GIB, wal: int = GIB) -> Room:
    """Everything on one file system."""
    return Room(least, most, wal, {"/data": free}, free, "/data", "/data")


def apart(free: int, wal_free: int) -> Room:
    """pg_wal on a file system of its own."""
    return replace(ROOM, free={"/data": free}, wal_free=wal_free, wal_home="/wal")


def test_a_database_that_cannot_fit_fails_and_names_the_missing_bytes() -> None:
    check = check_room(room(10 * GIB))
    assert check.verdict is Verdict.FAILED
    assert f"{GIB} bytes missing" in check.evidence
    assert check.remedy


def test_a_database_that_may_not_fit_only_warns() -> None:
    check = check_room(room(15 * GIB))
    assert check.verdict is Verdict.WARNING
    assert "20.0 GiB" in check.evidence


@pytest.mark.parametrize("free", [21 * GIB, 100 * GIB])
def test_room_for_the_most_it_may_take_is_enough(free: int) -> None:
    assert check_room(room(free)).verdict is Verdict.OK


def test_exactly_enough_is_not_missing() -> None:
    assert room(15, least=10, most=10, wal=5).missing == 0
    assert room(14, least=10, most=10, wal=5).missing == 1


def test_wal_on_a_file_system_of_its_own_takes_no_room_from_the_database() -> None:
    assert check_room(apart(20 * GIB, GIB)).verdict is Verdict.OK


def test_wal_without_room_on_its_own_file_system_fails() -> None:
    check = check_room(apart(100 * GIB, GIB - 1))
    assert check.verdict is Verdict.FAILED
    assert check.evidence.startswith("1 bytes missing in pg_wal")


def test_room_in_other_tablespaces_counts_and_is_not_relied_upon() -> None:
    check = check_room(replace(ROOM, free={"/data": 5 * GIB, "/ssd": 90 * GIB}))
    assert check.verdict is Verdict.WARNING
    assert "only if its other tablespaces take their share" in check.evidence


def test_all_tablespaces_together_may_be_too_small() -> None:
    small = replace(ROOM, free={"/data": 5 * GIB, "/ssd": 5 * GIB}, wal_home="/wal")
    assert small.missing == 0
    assert replace(small, least=10 * GIB + 1).missing == 1
