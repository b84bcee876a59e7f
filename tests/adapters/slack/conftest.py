"""A workspace over real sockets, and our side of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.adapters.slack.client import SlackApi
from bot.sandbox.slack import SlackServer, Workspace


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk obeys these, and knows no NO_PROXY."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace() -> Workspace:
    """Return a workspace where Ana asks and Ben and Cho approve."""
    made = Workspace()
    for name in ("ana", "ben", "cho", "dan"):
        made.add_user(name)
    made.add_usergroup("dba", ["ben", "cho"])
    made.add_channel("ops")
    made.add_channel("alerts")
    return made


@pytest.fixture
def server(workspace: Workspace) -> Iterator[SlackServer]:
    with SlackServer(workspace) as running:
        yield running


@pytest.fixture
def ops(workspace: Workspace) -> str:
    return workspace.channel("ops").id


@pytest.fixture
def api(server: SlackServer) -> SlackApi:
    """Return a client that leaves rate limits to its caller."""
    return SlackApi("xoxb-sandbox", server.api_url, timeout=5)


@pytest.fixture
def patient(server: SlackServer) -> SlackApi:
    """Return a client that waits a rate limit out."""
    return SlackApi("xoxb-sandbox", server.api_url, timeout=5, patient=True)
