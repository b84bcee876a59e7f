"""Who cannot reach the database is told what its container does."""

from __future__ import annotations

import pytest

from bot.core.models import Container
from bot.core.unreachable import sentence


@pytest.mark.parametrize(
    ("running", "said"),
    [
        (True, "Container db is running: see its log, and the target's dsn."),
        (False, "Container db is not running: start it."),
    ],
)
def test_a_container_s_state_comes_with_what_to_do(running: bool, said: str) -> None:
    assert sentence(Container("c1", "db", "timescaledb", running)) == said
