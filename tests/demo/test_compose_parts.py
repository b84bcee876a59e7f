"""Parts of compose.yaml's profile demo that need no engine."""

import signal
import socket
import subprocess
import sys

import pytest
from slack_sdk import WebClient

from tests.demo.process import SOURCE, without_proxies


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_the_workspace_goes_by_the_address_it_is_published_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in without_proxies().items():
        monkeypatch.setenv(name, value)
    port = free_port()
    where = ("--host", "127.0.0.1", "--port", str(port), "--address", "http://elsewhere:8080/")
    argv = [sys.executable, "-m", "bot.sandbox.slack", *where]
    with subprocess.Popen(argv, cwd=SOURCE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("http://elsewhere:8080/api/ ")
            client = WebClient(token="xapp-sandbox", base_url=f"http://127.0.0.1:{port}/api/")
            link = client.apps_connections_open(app_token="xapp-sandbox")["url"]
            assert str(link).startswith("ws://elsewhere:8080/")
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
