"""The bot's way to Slack, over real sockets: HTTP mode, Socket Mode, heartbeat and health."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from pydantic import SecretStr

from bot.__main__ import main
from bot.app import base
from bot.connection import alive, heartbeat_path
from bot.core.errors import ChatUnavailable
from bot.http_server import LARGEST
from bot.sandbox.slack import Person, SlackServer, Workspace
from bot.sandbox.slack.webhook import signature
from bot.settings import Settings
from bot.slack_app import slack_bot
from bot.socket_mode import SocketMode
from tests.live_bot import TOKENS, LiveBot, live, live_settings, office, write_settings

PATH = "/slack/events"
QUICK = 0.05
HELP = "What you may do here"
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


@contextmanager
def over_socket(
    server: SlackServer, directory: Path, beat: float = QUICK, quiet: float = 600
) -> Iterator[LiveBot]:
    settings = live_settings(directory, server.api_url)
    with live(settings, server.workspace, beat, quiet) as bot:
        server.workspace.wait_for(lambda: server.sockets.connections, what="a socket")
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
    assert [r for r in caplog.records if r.name.startswith(("slack_bolt", "bot"))] == []
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


def test_over_a_socket_a_command_is_answered(server: SlackServer, tmp_path: Path) -> None:
    with over_socket(server, tmp_path) as bot:
        assert bot.url == ""
        assert bot.ask("ana", "/tshelp") == HELP


def test_an_app_token_that_slack_refuses_ends_the_start_in_one_sentence(
    server: SlackServer, tmp_path: Path
) -> None:
    settings = live_settings(tmp_path, server.api_url)
    wrong = replace(settings, slack=replace(settings.slack, app_token=SecretStr("xapp-revoked")))
    refused = pytest.raises(ChatUnavailable, match=r"no Socket Mode connection.*invalid_auth")
    with refused, live(wrong, server.workspace):
        pytest.fail("it started")


def test_the_environment_s_token_makes_bolt_warn_of_nothing(
    server: SlackServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    with over_socket(server, tmp_path) as bot:
        assert bot.ask("ana", "/tshelp") == HELP
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_after_a_cut_the_bot_connects_again_and_hears_commands(
    server: SlackServer, tmp_path: Path
) -> None:
    with over_socket(server, tmp_path) as bot:
        server.sever()
        server.workspace.wait_for(lambda: server.sockets.opened == 2, 15, "a second socket")
        server.workspace.wait_for(lambda: server.sockets.connections == 1, 5, "one socket")
        assert bot.ask("ana", "/tshelp") == HELP


def test_no_command_is_lost_or_done_twice_while_slack_moves_the_bot_to_another_socket(
    server: SlackServer, tmp_path: Path
) -> None:
    workspace = server.workspace
    with over_socket(server, tmp_path) as bot:
        ana = Person(workspace, "ana")
        server.sockets.disconnect("warning")
        for number in range(8):
            ana.command(f"/audit since={number + 1}h", "ops", timeout=0.2)
        workspace.wait_for(lambda: server.sockets.opened == 2, 10, "a second socket")
        workspace.wait_for(lambda: len(bot.commands()) == 8, 10, "all commands")
        assert {d.arguments for d in bot.commands()} == {
            f"/audit since={number + 1}h" for number in range(8)
        }
        workspace.wait_for(lambda: server.sockets.connections == 1, 10, "one socket")


def test_a_socket_that_is_open_and_silent_is_replaced(server: SlackServer, tmp_path: Path) -> None:
    workspace = server.workspace
    with over_socket(server, tmp_path, quiet=0.5) as bot:
        workspace.faults.zombie = True
        seen = server.sockets.opened
        workspace.wait_for(lambda: server.sockets.opened > seen, 10, "another socket")
        workspace.faults.zombie = False
        assert bot.ask("ana", "/tshelp") == HELP


class Line:
    """A TCP forwarder whose cable can be pulled: connections stay open, bytes go nowhere."""

    def __init__(self, port: int) -> None:
        self._port, self.pulled = port, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):  # closed by the other side meanwhile
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                pulled = threading.Event() if self.pulled.is_set() else self.pulled
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(*pair, pulled), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, pulled: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if not pulled.is_set():
                    sink.sendall(data)


def test_a_connection_that_answers_no_ping_is_replaced(server: SlackServer, tmp_path: Path) -> None:
    settings, workspace = live_settings(tmp_path, server.api_url), server.workspace
    token = settings.slack.app_token.get_secret_value()
    port = urlsplit(server.base_url).port
    assert port is not None
    with closing(Line(port)) as line, base(settings) as parts, slack_bot(parts) as bot:
        workspace.base_url = line.url
        mode = SocketMode(bot.app, token, unanswered=0.5)
        mode.open()
        with closing(mode):
            workspace.wait_for(lambda: server.sockets.connections, what="a socket")
            assert mode.is_alive()
            line.pulled.set()
            workspace.wait_for(lambda: not mode.is_alive(), 10, "the loss to be noticed")
            workspace.wait_for(mode.is_alive, 10, "another connection")
            assert server.sockets.opened == 2


def test_a_heartbeat_appears_while_slack_answers_and_goes_with_the_bot(
    server: SlackServer, tmp_path: Path
) -> None:
    with over_socket(server, tmp_path) as bot:
        path = heartbeat_path(bot.settings)
        server.workspace.wait_for(path.exists, what="a heartbeat")
        assert alive(bot.settings)
    assert not path.exists()
    assert not alive(bot.settings)


def health(settings: Settings, directory: Path, within: float) -> int:
    """Run `tsbot health` on the same audit path."""
    config = write_settings(directory, settings.slack.api_url)
    return main(["--config", str(config), "health", "--within", str(within)])


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_tsbot_health_tells_a_living_slack_from_a_dead_one(
    server: SlackServer, tmp_path: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = server.workspace
    with live(live_settings(tmp_path, server.api_url, mode), workspace, beat=QUICK) as bot:

        def well() -> bool:
            return health(bot.settings, tmp_path, 0.5) == 0

        workspace.wait_for(well, what="a healthy bot")
        workspace.faults.dead = True
        workspace.wait_for(lambda: not well(), 10, "an unhealthy bot")
        assert "no recent heartbeat" in capsys.readouterr().out
        workspace.faults.dead = False
        workspace.wait_for(well, 10, "a healthy bot again")


def test_a_socket_that_cannot_come_back_stops_the_heartbeat_even_if_slack_answers(
    server: SlackServer, tmp_path: Path
) -> None:
    workspace = server.workspace
    with over_socket(server, tmp_path) as bot:
        workspace.faults.fail("apps.connections.open", times=None)
        server.sever()
        workspace.wait_for(lambda: not alive(bot.settings, 0.5), 10, "a missing heartbeat")
        workspace.faults.clear()
        workspace.wait_for(lambda: alive(bot.settings, 0.5), 15, "a heartbeat again")


def test_without_any_heartbeat_tsbot_health_fails(tmp_path: Path) -> None:
    settings = live_settings(tmp_path, "http://127.0.0.1:9/api/")
    assert health(settings, tmp_path, 60) == 1
