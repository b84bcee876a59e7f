"""Only programs and the page itself may talk to the workspace; other web pages may not."""

from __future__ import annotations

import http.client
import json
from email.message import Message
from urllib.parse import urlsplit

import pytest

from bot.sandbox.slack import SlackServer, Workspace
from bot.sandbox.slack.page.origin import refusal

Headers = dict[str, str]


def ask(
    server: SlackServer, path: str, headers: Headers, body: bytes = b"", method: str = "POST"
) -> tuple[int, str]:
    """Send a request with exactly these headers; returns status and text."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def posting(server: SlackServer, **headers: str) -> tuple[int, str]:
    """Post a message as Ana with the page's own headers, changed by `headers`."""
    host = urlsplit(server.base_url).netloc
    ours = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    body = json.dumps({"as": "ana", "text": "hi", "channel": "ops"}).encode()
    return ask(server, "/control/post", ours | headers, body)


def test_the_page_itself_may_act(server: SlackServer, workspace: Workspace) -> None:
    status, _ = posting(server)
    assert status == 200
    assert [m.text for m in workspace.messages("ops")] == ["hi"]


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("Origin", "https://evil.test", 403),
        ("Origin", "null", 403),
        ("Origin", "http://127.0.0.1:1", 403),
        ("Host", "evil.test:80", 403),
        ("Host", "", 403),
        ("Content-Type", "text/plain", 415),
        ("Content-Type", "application/x-www-form-urlencoded", 415),
    ],
)
def test_another_page_cannot_act(
    server: SlackServer, workspace: Workspace, header: str, value: str, expected: int
) -> None:
    status, _ = posting(server, **{header: value})
    assert status == expected
    assert workspace.messages("ops") == []


def test_a_page_whose_name_was_made_to_point_here_cannot_act(
    server: SlackServer, workspace: Workspace
) -> None:
    status, text = posting(server, Host="rebound.test", Origin="http://rebound.test")
    assert (status, workspace.messages("ops")) == (403, [])
    assert "rebound.test" in text


def test_another_page_cannot_use_the_well_known_token_of_the_web_api(
    server: SlackServer, workspace: Workspace
) -> None:
    host = urlsplit(server.base_url).netloc
    form = {"Host": host, "Content-Type": "application/x-www-form-urlencoded"}
    body = b"token=xoxb-sandbox&channel=%23ops&text=forged"
    assert (
        ask(server, "/api/chat.postMessage", form | {"Origin": "https://evil.test"}, body)[0] == 403
    )
    assert workspace.messages("ops") == []
    assert ask(server, "/api/chat.postMessage", form, body)[0] == 200


@pytest.mark.parametrize("path", ["/", "/link/?ticket=x", "/api/auth.test"])
def test_no_path_answers_to_a_stranger_s_name(server: SlackServer, path: str) -> None:
    assert ask(server, path, {"Host": "evil.test"}, method="GET")[0] == 403


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:3000", True),
        ("[::1]:3000", True),
        ("localhost:3000", True),
        ("workspace:3000", True),
        ("172.18.0.3", True),
        ("localhost.evil.test", False),
        ("127.0.0.1.nip.test:3000", False),
        ("[nonsense", False),
        (":3000", False),
    ],
)
def test_a_host_must_be_an_address_or_a_name_no_stranger_can_own(host: str, ours: bool) -> None:
    headers = Message()
    headers["Host"] = host
    assert (refusal(headers) == "") is ours
