"""Files to begin with, and what loading them complains of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.errors import SettingsInvalid
from bot.settings import Settings

MINIMAL = """
[targets.prod]
dsn = "postgresql://postgres@db:5432/postgres"
database = "ecoanp"
container = "ecoanp-db"
"""

WITH_SLACK = """
[slack]
channels = ["C0OPS"]
requesters = ["U0ALICE"]
[approval]
approvers = ["U0BOB"]
"""

Load = Callable[..., Settings]


def mistakes(load: Load, text: str = MINIMAL, **variables: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(text, **variables)
    return str(caught.value).splitlines()


def only_mistake(load: Load, text: str, **variables: str) -> str:
    lines = mistakes(load, text, **variables)
    assert len(lines) == 1, lines
    return lines[0]


def in_target(line: str) -> str:
    """The minimal file with one line of its target replaced, or added."""
    key = line.split("=")[0].strip()
    kept = [old for old in MINIMAL.splitlines() if not old.startswith(f"{key} =")]
    return "\n".join([*kept, line])
