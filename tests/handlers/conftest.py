"""One bot on one workspace for all tests here; nobody behind its target is reached."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.sandbox.slack import SlackServer, Workspace
from tests.live_bot import LiveBot, live, live_settings, office


@pytest.fixture(scope="package")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBot]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        with SlackServer(office()) as server:
            settings = live_settings(tmp_path_factory.mktemp("live"), server.api_url)
            with live(settings, server.workspace) as bot:
                server.workspace.wait_for(lambda: server.sockets.connections, what="a socket")
                yield bot


@pytest.fixture
def bot(_live: LiveBot) -> Iterator[LiveBot]:
    """The bot; its workspace is well again after each test."""
    yield _live
    _live.workspace.faults.clear()


@pytest.fixture
def workspace(bot: LiveBot) -> Workspace:
    return bot.workspace
