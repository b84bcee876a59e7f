"""Nothing is left running, however the engine ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.sandbox.engine import ContainerSpec, EngineServer, watchdog
from bot.sandbox.engine.logs import LogQuery
from bot.sandbox.engine.process import OUT
from bot.sandbox.engine.watchdog import Watchdog
from tests.sandbox.engine.conftest import DEAF, Add
from tests.sandbox.engine.processes import eventually, is_alive

PROGRAM = """
    import sys, signal
    from bot.sandbox.engine import ContainerSpec, EngineServer
    engine = EngineServer(sys.argv[1]).start()
    try:
        for name, script in (("deaf", "trap '' TERM; echo; sleep 86400"), ("app", "sleep 86400")):
            print(engine.add(ContainerSpec(name, ("sh", "-c", script))).state.pid)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print("ready", flush=True)
        signal.pause()
    finally:
        engine.close(timeout=0.2)
"""


@contextmanager
def program(path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run an engine with two containers in another process; yield it and the containers' pids."""
    argv = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(line) for line in iter(process.stdout.readline, "ready\n")]
        try:
            yield process, pids
        finally:
            process.kill()


def test_an_engine_that_is_killed_leaves_nothing_running(socket_path: Path) -> None:
    with program(socket_path) as (process, pids):
        assert all(map(is_alive, pids))
        process.kill()
        process.wait()
        eventually(lambda: not any(map(is_alive, pids)))


def test_an_engine_that_is_terminated_ends_everything_and_removes_its_socket(
    socket_path: Path,
) -> None:
    with program(socket_path) as (process, pids):
        process.terminate()
        assert process.wait(10) == 0
        assert not any(map(is_alive, pids))
        assert not socket_path.exists()


def test_a_program_that_forgets_to_close_the_engine_ends_and_leaves_nothing_running(
    socket_path: Path,
) -> None:
    code = f"""
        from bot.sandbox.engine import ContainerSpec, EngineServer
        engine = EngineServer({str(socket_path)!r}).start()
        print(engine.add(ContainerSpec("app", ("sleep", "86400"))).state.pid)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20)
    eventually(lambda: not is_alive(int(done.stdout)))


def test_closing_gives_each_container_its_own_time(socket_path: Path) -> None:
    script = "trap 'sleep .4; exit 5' TERM; echo up; while :; do sleep .02; done"
    with EngineServer(socket_path) as server:
        slow = server.add(ContainerSpec("slow", ("sh", "-c", script), stop_timeout=10))
        deaf = server.add(ContainerSpec("deaf", ("sh", "-c", DEAF), stop_timeout=0))
        for each in (slow, deaf):
            assert next(each.log.read(LogQuery(frozenset({OUT})), follow=True)).data == b"up\n"
    assert (slow.state.exit_code, deaf.state.exit_code) == (5, 137)


def test_closing_does_not_wait_for_a_stop_with_more_patience(socket_path: Path) -> None:
    server = EngineServer(socket_path).start()
    script = "trap 'echo asked' TERM; echo up; while :; do sleep .02; done"
    deaf = server.add(ContainerSpec("deaf", ("sh", "-c", script)))
    output = deaf.log.read(LogQuery(frozenset({OUT})), follow=True)
    assert next(output).data == b"up\n"
    stopping = threading.Thread(target=deaf.stop, args=(60,))
    stopping.start()
    assert next(output).data == b"asked\n"
    began = time.monotonic()
    server.close(timeout=0.2)
    stopping.join(5)
    assert time.monotonic() - began < 3
    assert not stopping.is_alive()


def test_a_socket_that_a_killed_engine_left_is_replaced(socket_path: Path) -> None:
    with program(socket_path) as (process, _):
        process.kill()
        process.wait()
    assert socket_path.exists()
    with EngineServer(socket_path) as server:
        assert server.engine.containers() == []


def test_a_socket_on_which_an_engine_answers_is_left_alone(server: EngineServer, add: Add) -> None:
    app = add()
    with pytest.raises(OSError, match="another engine answers"):
        EngineServer(server.path).start()
    assert app.state.running


def test_closing_stops_all_at_once_and_kills_what_is_deaf(socket_path: Path) -> None:
    server = EngineServer(socket_path).start()
    added = [server.add(ContainerSpec(name, ("sh", "-c", DEAF))) for name in ("a1", "b2", "c3")]
    pids = [container.state.pid for container in added]
    began = time.monotonic()
    server.close(timeout=0.8)
    assert time.monotonic() - began < 2.4  # one after the other
    assert not any(map(is_alive, pids))
    server.close()
    with pytest.raises(RuntimeError):
        _ = server.engine


def test_processes_are_in_sessions_of_their_own_so_that_ctrl_c_does_not_reach_them(
    add: Add,
) -> None:
    app = add()
    assert os.getsid(app.state.pid) == app.state.pid != os.getsid(0)


def test_the_watchdog_asks_before_it_kills(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    script = f"trap 'touch {asked}; exit' INT; echo; while :; do sleep .02; done"
    argv = ["sh", "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        dog = Watchdog()
        dog.watch(process.pid, signal.SIGINT)
        dog.close()
        assert process.wait(5) == 0
    assert asked.exists()


def test_the_watchdog_lets_go_of_what_has_ended() -> None:
    argv = ["sleep", "60"]
    with subprocess.Popen(argv, start_new_session=True) as process:
        dog = Watchdog()
        dog.watch(process.pid, signal.SIGKILL)
        dog.forget(process.pid)
        dog.close()
        assert process.poll() is None
        process.kill()


def test_nothing_is_started_once_the_watchdog_is_gone(server: EngineServer, add: Add) -> None:
    server.engine._watchdog.close()
    with pytest.raises(OSError, match="watchdog"):
        add()


def test_descendants_are_found_through_sessions_of_their_own() -> None:
    argv = ["sh", "-c", "setsid sh -c 'echo $$; sleep 60; :' & wait"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        eventually(lambda: len(watchdog.descendants(process.pid)) == 2)
        assert grandchild in watchdog.descendants(process.pid)
        watchdog.kill_tree(process.pid)
    eventually(lambda: not is_alive(grandchild))
