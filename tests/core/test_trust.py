"""Whose dumps are restored before anybody is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.models import ContainerRef, Target
from bot.core.trust import Place, needs_early_gate, open_to_others, way_to

TARGET = Target("prod", "shop", ContainerRef("db"), "/backup")
DUMP = Place("/backup/a.dump", 0o600, "postgres")
WAY = (Place("/backup", 0o755, "root"), Place("/", 0o755, "root"))


def test_backups_of_root_and_the_servers_user_need_no_early_gate() -> None:
    assert needs_early_gate((DUMP, *WAY), TARGET, "postgres") == ""


@pytest.mark.parametrize("position", [0, 1, 2], ids=["dump", "directory", "parent"])
def test_a_stranger_who_owns_the_dump_or_a_directory_above_it_needs_one(position: int) -> None:
    places = [DUMP, *WAY]
    places[position] = replace(places[position], owner="deploy")
    reason = needs_early_gate(places, TARGET, "postgres")
    assert reason.endswith("belongs to deploy, whose backups are not trusted")
    assert reason.startswith(places[position].path)


def test_the_setting_names_owners_in_the_place_of_the_usual_ones() -> None:
    trusting = replace(TARGET, trusted_backups=("root", "deploy"))
    assert needs_early_gate((replace(DUMP, owner="deploy"), *WAY), trusting, "postgres") == ""
    assert "belongs to postgres" in needs_early_gate((DUMP, *WAY), trusting, "postgres")


def test_an_owner_without_a_name_is_never_trusted() -> None:
    nameless = replace(DUMP, owner="UNKNOWN")
    assert needs_early_gate((nameless, *WAY), TARGET, "UNKNOWN")


def test_the_way_to_a_directory_goes_over_links_and_what_they_lead_to() -> None:
    way = way_to(["/data/link/dumps", "/mnt/disk/dumps"])
    assert set(way) == {"/", "/data", "/data/link", "/mnt", "/mnt/disk"}


@pytest.mark.parametrize(
    ("mode", "open_"), [(0o777, True), (0o775, True), (0o1777, False), (0o755, False)]
)
def test_a_directory_that_others_may_write_is_open_unless_it_is_sticky(
    mode: int, open_: bool
) -> None:
    assert bool(list(open_to_others([Place("/data", mode, "root")]))) is open_
