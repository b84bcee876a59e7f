"""Socket Mode, the heartbeat and `tsbot health`, over real sockets and lines that break."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from bot.__main__ import main
from bot.app import base
from bot.connection import alive, heartbeat_path
from bot.core.errors import ChatUnavailable
from bot.sandbox.slack import Person, SlackServer, Workspace
from bot.settings import Settings
from bot.slack_app import slack_bot
from bot.socket_mode import SocketMode
from tests.live_bot import HELP, TOKENS, LiveBot, live, live_settings, office, write_settings

QUICK = 0.05


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
def over_socket(
    server: SlackServer, directory: Path, beat: float = QUICK, quiet: float = 600
) -> Iterator[LiveBot]:
    settings = live_settings(directory, server.api_url)
    with live(settings, server.workspace, beat, quiet) as bot:
        server.workspace.wait_for(lambda: server.sockets.connections, what="a socket")
        yield bot


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
            workspace.wait_for(lambda: server.sockets.opened == 2, what="its count")


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
