"""A file is written, variables are set, and both are loaded as the program would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.settings import Settings, load_settings
from tests.settings.samples import MINIMAL, Load


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLACK_", "TSBOT_")):
            monkeypatch.delenv(name)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write a file, set variables, load."""

    def load(text: str = MINIMAL, **variables: str) -> Settings:
        path = tmp_path / "tsbot.toml"
        path.write_text(text, encoding="utf-8")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings(path)

    return load
