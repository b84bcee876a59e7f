"""HTTP mode over real sockets: what Slack sends is taken, all else is refused without a trace."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from bot.http_server import LARGEST
from bot.sandbox.slack import Person, SlackServer, Workspace, payloads
from bot.sandbox.slack.webhook import signature
from tests.live_bot import HELP, TOKENS, LiveBot, live, live_settings, office

PATH = "/slack/events"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("SLACK_", "TSBOT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def workspace() -> Workspace:
    return office()


@pytest.fixture
def server(workspace: Workspace) -> Iterator[SlackServer]:
    with SlackServer(workspace) as running:
        yield running


@contextmanager
def over_http(server: SlackServer, directory: Path) -> Iterator[LiveBot]:
    with live(live_settings(directory, server.api_url, "http"), server.workspace) as bot:
        server.deliver_to(bot.url)
        yield bot


@pytest.fixture
def hooked(server: SlackServer, tmp_path: Path) -> Iterator[LiveBot]:
    with over_http(server, tmp_path) as bot:
        yield bot


def request(
    url: str, body: str = "", method: str = "POST", path: str = PATH, **headers: str
) -> tuple[int, str]:
    """Send one request; header names are given with underscores."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    with closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body.encode() if body else None, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def signed(url: str, body: str, content_type: str = FORM, age: int = 0) -> tuple[int, str]:
    timestamp = str(int(time.time()) - age)
    proof = signature(TOKENS["SLACK_SIGNING_SECRET"], timestamp, body)
    return request(
        url,
        body,
        Content_Type=content_type,
        X_Slack_Request_Timestamp=timestamp,
        X_Slack_Signature=proof,
    )


def command_body(bot: LiveBot) -> str:
    place = bot.workspace.channel("ops").id
    fields = {"command": "/tshelp", "text": "", "user_id": "U0ANA", "channel_id": place}
    return urlencode(fields | {"team_id": bot.workspace.team_id, "trigger_id": "1.2.3"})


def test_over_http_a_command_is_answered_at_the_port_that_was_chosen(hooked: LiveBot) -> None:
    assert urlsplit(hooked.url).port not in (0, None)
    assert hooked.ask("ana", "/tshelp") == HELP
    assert [draft.arguments for draft in hooked.commands()] == ["/tshelp"]


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A port of somebody else's, where a caller would be let in."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.3)
        yield elsewhere


@pytest.mark.parametrize(
    "pattern",
    [
        "http://127.0.0.1:{port}/x",
        "http://hooks.slack.com@127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}/https://hooks.slack.com/",
        "//127.0.0.1:{port}/x",
        "http://[::1",
        "https://hooks.slack.com/commands/T0THEIRS/1/x",
    ],
)
def test_a_rightly_signed_request_cannot_have_its_answer_sent_to_another_place_than_our_workspace(
    hooked: LiveBot, caplog: pytest.LogCaptureFixture, pattern: str
) -> None:
    with listening() as elsewhere:
        url = pattern.format(port=elsewhere.getsockname()[1])
        body = command_body(hooked) + "&" + urlencode({"response_url": url})
        assert signed(hooked.url, body)[0] == 200
        hooked.workspace.wait_for(hooked.commands, what="the command")
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    [line] = [r.message for r in caplog.records if r.name == "handlers.errors"]
    assert "not our workspace's" in line
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("kind", ["commands", "actions"])
def test_a_response_url_of_our_workspace_is_nothing_to_warn_of(
    hooked: LiveBot, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    # in an event, which nobody answers: the tests call no address of Slack's
    url = f"https://hooks.slack.com/{kind}/{hooked.workspace.team_id}/1/x"
    item = {"type": "message", "channel": "C0OPS", "ts": "1.2"}
    inner = {"type": "reaction_added", "user": "U0ANA", "item": item, "reaction": "x"}
    event = payloads.event_callback(hooked.workspace, inner)
    body = json.dumps(event | {"response_url": url})
    assert signed(hooked.url, body, JSON)[0] == 200
    assert [r.message for r in caplog.records if r.name == "handlers.errors"] == []


def test_over_http_the_chosen_address_is_logged(
    server: SlackServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.connection")
    with over_http(server, tmp_path) as bot:
        assert f"listening at {bot.url}" in caplog.messages


def test_over_http_an_event_is_acked(hooked: LiveBot) -> None:
    ana = Person(hooked.workspace, "ana")
    ana.mention("hello", "ops")
    assert "cancel RUN" in hooked.next_answer("ana", 0)
    [delivery] = hooked.workspace.deliveries.records
    assert delivery.acked


def test_a_wrong_signature_is_refused_and_leaves_no_trace(
    hooked: LiveBot, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    timestamp = str(int(time.time()))
    body = command_body(hooked)
    forged = signature("another-secret", timestamp, body)
    headers = {"X_Slack_Request_Timestamp": timestamp, "X_Slack_Signature": forged}
    assert request(hooked.url, body, Content_Type=FORM, **headers)[0] == 401
    assert hooked.commands() == []
    assert {call.method for call in hooked.workspace.calls()} == {"auth.test"}
    told = [r for r in caplog.records if r.name.startswith(("slack_bolt", "bot"))]
    # the keeper's first look at a server that is not there falls into any test
    assert [r for r in told if r.name != "bot.core.keeper"] == []
    assert capfd.readouterr().err == ""
    assert signed(hooked.url, body)[0] == 200  # the same request, rightly signed, is no second one
    hooked.workspace.wait_for(hooked.commands, what="the command")


def test_a_request_without_a_signature_is_refused(hooked: LiveBot) -> None:
    assert request(hooked.url, command_body(hooked), Content_Type=FORM)[0] == 401
    assert hooked.commands() == []


def test_a_changed_body_under_an_old_signature_is_refused(hooked: LiveBot) -> None:
    timestamp, body = str(int(time.time())), command_body(hooked)
    proof = signature(TOKENS["SLACK_SIGNING_SECRET"], timestamp, body)
    headers = {"X_Slack_Request_Timestamp": timestamp, "X_Slack_Signature": proof}
    changed = body.replace("U0ANA", "U0BEN")
    assert request(hooked.url, changed, Content_Type=FORM, **headers)[0] == 401
    assert hooked.commands() == []


def test_a_request_that_is_replayed_letter_by_letter_acts_once(hooked: LiveBot) -> None:
    timestamp, body = str(int(time.time())), command_body(hooked)
    proof = signature(TOKENS["SLACK_SIGNING_SECRET"], timestamp, body)
    headers = {"X_Slack_Request_Timestamp": timestamp, "X_Slack_Signature": proof}
    for _ in range(3):
        assert request(hooked.url, body, Content_Type=FORM, **headers)[0] == 200
    assert hooked.ask("ana", "/audit").startswith("Audit log")
    assert [draft.arguments for draft in hooked.commands()] == ["/tshelp", "/audit"]


def test_an_old_request_is_refused_however_well_signed(hooked: LiveBot) -> None:
    assert signed(hooked.url, command_body(hooked), age=301)[0] == 401
    assert hooked.commands() == []


def test_slack_s_challenge_is_answered_when_it_is_signed(hooked: LiveBot) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c-1", "token": "x"})
    status, answer = signed(hooked.url, body, JSON)
    assert (status, json.loads(answer)) == (200, {"challenge": "c-1"})
    assert request(hooked.url, body, Content_Type=JSON)[0] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", PATH), ("POST", "/"), ("POST", PATH + "/x"), ("PUT", PATH)],
)
def test_all_else_is_not_found(hooked: LiveBot, method: str, path: str) -> None:
    assert request(hooked.url, method=method, path=path)[0] == 404


@pytest.mark.parametrize(
    ("length", "status"),
    [(str(LARGEST + 1), 413), ("9" * 30, 413), ("-1", 400), ("many", 400), ("٣", 400)],
)
def test_a_body_of_no_good_length_is_refused_unread(
    hooked: LiveBot, length: str, status: int
) -> None:
    parts = urlsplit(hooked.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        client.sendall(head.encode())
        assert client.makefile().readline().split()[1] == str(status)


def test_a_body_that_is_no_text_is_refused_without_a_trace(
    hooked: LiveBot, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(hooked.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nContent-Length: 2\r\n\r\n".encode() + b"\xff\xfe")
        assert client.makefile().readline().split()[1] == "400"
    assert capfd.readouterr().err == ""


def test_a_client_that_hangs_up_in_the_middle_disturbs_nobody(
    hooked: LiveBot, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(hooked.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf".encode())
    assert hooked.ask("ana", "/tshelp") == HELP
    assert "Traceback" not in capfd.readouterr().err
