"""Which version TimescaleDB is brought to, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from bot.core.drift import restore_drift
from bot.core.extension_versions import kept_behind, version_after
from tests.core.run_samples import a_plan


@dataclass(frozen=True)
class Image:
    """An image with a few extensions, and the updates it ships scripts for."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    ways: frozenset[tuple[str, str]] = frozenset({("2.22.1", "2.23.1")})

    def default_versions(self) -> Mapping[str, str]:
        return self.defaults

    def can_update(self, name: str, version: str, to: str) -> bool:
        return name == "timescaledb" and (version, to) in self.ways


@pytest.mark.parametrize(
    ("default", "dumped", "after"),
    [
        ("2.23.1", "2.22.1", "2.23.1"),
        ("2.22.1", "2.22.1", ""),
        ("2.22.1", "2.23.1", ""),  # there is no way down
        ("2.23.1", "", ""),
        ("", "2.22.1", ""),
    ],
)
def test_timescaledb_goes_to_the_images_version_where_a_way_leads_there(
    default: str, dumped: str, after: str
) -> None:
    image = Image({"timescaledb": default} if default else {})
    assert version_after(image, dumped) == after


def test_other_extensions_are_left_alone_and_named() -> None:
    image = Image({"timescaledb": "2.23.1", "vector": "0.8.0", "pgcrypto": "1.3"})
    installed = {"timescaledb": "2.22.1", "vector": "0.7.4", "pgcrypto": "1.3", "own": "1"}
    assert kept_behind(image, installed) == ("vector stays at 0.7.4; the image's own is 0.8.0",)


def test_both_versions_are_shown_where_they_differ() -> None:
    plan = a_plan()
    assert plan.timescaledb == "2.19.3"
    assert replace(plan, timescaledb_after="2.23.1").timescaledb == "2.19.3 → 2.23.1"


def test_another_version_than_was_approved_is_named() -> None:
    drift = restore_drift(a_plan(), a_plan(timescaledb_after="2.23.1"))
    assert drift.sentence == "TimescaleDB's version changed after the request"
    assert not drift.final
