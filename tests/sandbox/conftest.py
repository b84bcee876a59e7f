"""A workspace with people, its server, a Web client, and a real Bolt app on Socket Mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import Person, SlackServer, Workspace

Configure = Callable[[App], None]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk obeys these, and knows no NO_PROXY."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace() -> Workspace:
    made = Workspace()
    for name in ("ana", "ben", "cho", "dan"):
        made.add_user(name)
    made.add_usergroup("dba", ["ben", "cho"])
    made.add_channel("ops")
    return made


@pytest.fixture
def server(workspace: Workspace) -> Iterator[SlackServer]:
    with SlackServer(workspace) as running:
        yield running


@pytest.fixture
def client(server: SlackServer) -> WebClient:
    return WebClient(token="xoxb-sandbox", base_url=server.api_url, retry_handlers=[])


@pytest.fixture
def ops(workspace: Workspace) -> str:
    return workspace.channel("ops").id


@pytest.fixture
def ana(workspace: Workspace) -> Person:
    return Person(workspace, "ana")


@contextmanager
def bolt(server: SlackServer, configure: Configure) -> Iterator[SocketModeHandler]:
    """Run a Bolt app on Socket Mode until the block ends."""
    app = App(client=WebClient(token="xoxb-sandbox", base_url=server.api_url))
    configure(app)
    handler = SocketModeHandler(app, "xapp-sandbox")
    before = server.sockets.connections
    handler.connect()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    server.workspace.wait_for(lambda: server.sockets.connections > before, what="a socket")
    try:
        yield handler
    finally:
        # cut first: otherwise close() waits for the client's receive time-out of 3 s
        handler.client.auto_reconnect_enabled = False
        server.sever()
        # and wake its queue's reader, which would look for the end only once a second
        handler.client.message_processor.event.set()
        handler.client.enqueue_message("{}")
        handler.close()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped


@contextmanager
def refused(code: str) -> Iterator[list[SlackApiError]]:
    """Expect a Web API error; the list holds it afterwards."""
    seen: list[SlackApiError] = []
    with pytest.raises(SlackApiError) as caught:
        yield seen
    assert caught.value.response["error"] == code
    seen.append(caught.value)
