"""What the engine does where the system is not Linux: no /proc, no waitid, no look at a socket."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from docker import DockerClient

from bot.sandbox.engine import streams, watchdog
from tests.sandbox.engine.conftest import Add
from tests.sandbox.engine.processes import eventually, is_alive

pytestmark = pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps: install procps")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watchdog, "_PROC", tmp_path)
    monkeypatch.setattr(streams, "_unread", lambda _client: None)
    monkeypatch.delattr(os, "waitid", raising=False)


def test_processes_are_run_and_their_exit_codes_known(client: DockerClient, add: Add) -> None:
    app = add()
    for code in (0, 7):
        exec_id = client.api.exec_create(app.id, ["sh", "-c", f"echo here; exit {code}"])["Id"]
        assert client.api.exec_start(exec_id) == b"here\n"
        assert client.api.exec_inspect(exec_id)["ExitCode"] == code
    killed = client.api.exec_create(app.id, ["sh", "-c", "kill -9 $$"])["Id"]
    client.api.exec_start(killed)
    assert client.api.exec_inspect(killed)["ExitCode"] == 137


def test_a_container_ends_with_all_that_it_started(client: DockerClient, add: Add) -> None:
    app = add(script="trap '' TERM; setsid sh -c 'echo $$; sleep 86400; :' & wait; wait")
    eventually(lambda: client.api.logs(app.id).strip() != b"")
    main, child = app.state.pid, int(client.api.logs(app.id))
    client.api.stop(app.id, timeout=0)
    eventually(lambda: not is_alive(child) and not is_alive(main))
    assert client.api.inspect_container(app.id)["State"]["ExitCode"] == 137


def test_a_process_leaves_nothing_in_the_background(client: DockerClient, add: Add) -> None:
    app = add()
    argv = ["sh", "-c", "sleep 86400 >/dev/null 2>&1 & echo $!"]
    exec_id = client.api.exec_create(app.id, argv)["Id"]
    child = int(client.api.exec_start(exec_id))
    eventually(lambda: not is_alive(child))
