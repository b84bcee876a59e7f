"""Processes beside the main one: frames, users, refusals, and what outlives whom."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound

from bot.sandbox.engine import Account, EngineServer
from tests.sandbox.engine.conftest import Add
from tests.sandbox.engine.processes import eventually, is_alive
from tests.sandbox.engine.wire import ask, unpacked

RUNC = "OCI runtime exec failed: exec failed: unable to start container process: "


@pytest.fixture
def app(add: Add) -> str:
    return add("app", env={"A": "1", "B": "1"}).id


def created(server: EngineServer, container: str, *argv: str, **more: object) -> str:
    body = {"Cmd": argv, "AttachStdout": True, "AttachStderr": True, **more}
    answered = ask(server.path, "POST", f"/v1.41/containers/{container}/exec", body)
    assert answered.status == 201, answered.body
    return str(answered.document["Id"])


def output(server: EngineServer, exec_id: str) -> list[tuple[int, bytes]]:
    return ask(server.path, "POST", f"/v1.41/exec/{exec_id}/start", {"Detach": False}).frames


def inspected(server: EngineServer, exec_id: str) -> dict[str, object]:
    document = ask(server.path, "GET", f"/exec/{exec_id}/json").document
    assert isinstance(document, dict)
    return document


def test_no_first_frame_is_lost_to_the_sdk_which_reads_below_its_buffer(
    client: DockerClient, app: str
) -> None:
    for _ in range(100):
        exec_id = client.api.exec_create(app, ["echo", "here"])["Id"]
        assert client.api.exec_start(exec_id) == b"here\n"
        assert client.api.exec_inspect(exec_id)["ExitCode"] == 0


def test_the_headers_come_alone_and_the_process_starts_when_they_are_read(
    server: EngineServer, app: str
) -> None:
    exec_id = created(server, app, "echo", "here")
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(10)
        raw.connect(str(server.path))
        raw.sendall(
            f"POST /v1.41/exec/{exec_id}/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n{}".encode()
        )
        eventually(lambda: raw.recv(4096, socket.MSG_PEEK).endswith(b"\r\n\r\n"))
        headers = raw.recv(4096)
        rest = b"".join(iter(lambda: raw.recv(4096), b""))
    assert headers.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    assert b"\r\nContent-Type: application/vnd.docker.raw-stream\r\n" in headers
    assert unpacked(rest) == [(1, b"here\n")]


def test_outputs_are_told_apart_and_only_those_wanted_are_sent(
    server: EngineServer, app: str
) -> None:
    script = "echo out; sleep .1; echo err >&2; exit 5"
    both = created(server, app, "sh", "-c", script)
    assert output(server, both) == [(1, b"out\n"), (2, b"err\n")]
    one = created(server, app, "sh", "-c", script, AttachStdout=False)
    assert output(server, one) == [(2, b"err\n")]
    assert inspected(server, one)["ExitCode"] == 5


@pytest.mark.parametrize(
    ("argv", "more", "reason"),
    [
        (["x"], {}, 'exec: "x": executable file not found in $PATH'),
        ([""], {}, 'exec: "": executable file not found in $PATH'),
        (["/etc/passwd"], {}, 'exec: "/etc/passwd": permission denied'),
        (["/tmp"], {}, 'exec: "/tmp": permission denied'),
        (["/nope/x"], {}, 'exec: "/nope/x": stat /nope/x: no such file or directory'),
        (["a/x"], {}, 'exec: "a/x": stat a/x: no such file or directory'),
        (
            ["true"],
            {"WorkingDir": "/nodir"},
            'chdir to cwd ("/nodir") set in config.json failed: no such file or directory',
        ),
    ],
)
def test_why_a_program_cannot_run_comes_as_the_first_output_with_126(
    server: EngineServer, app: str, argv: list[str], more: dict[str, object], reason: str
) -> None:
    exec_id = created(server, app, *argv, **more)
    assert output(server, exec_id) == [(1, f"{RUNC}{reason}: unknown\r\n".encode())]
    state = inspected(server, exec_id)
    assert (state["Running"], state["ExitCode"], state["Pid"]) == (False, 126, 0)


def test_a_detached_process_that_cannot_start_is_refused_at_once(
    client: DockerClient, app: str
) -> None:
    exec_id = client.api.exec_create(app, ["x"])["Id"]
    with pytest.raises(APIError) as caught:
        client.api.exec_start(exec_id, detach=True)
    assert caught.value.status_code == 400
    assert caught.value.explanation == (
        f'{RUNC}exec: "x": executable file not found in $PATH: unknown'
    )


def test_a_process_is_run_once(server: EngineServer, app: str) -> None:
    exec_id = created(server, app, "true")
    output(server, exec_id)
    again = f"Error: Exec command {exec_id} has already run\r\n"
    assert output(server, exec_id) == [(1, again.encode())]


def test_users_go_by_the_containers_table_alone(server: EngineServer, app: str) -> None:
    ids = {}
    for user in ("", "postgres", "postgres:postgres", "root"):
        [(_, printed)] = output(server, created(server, app, "id", "-u", User=user))
        ids[user] = int(printed)
    assert ids["postgres"] == ids["postgres:postgres"] == Account.unprivileged().uid
    assert ids[""] == ids["root"] == os.geteuid()
    nobody = created(server, app, "true", User="somebody")
    unknown = b"unable to find user somebody: no matching entries in passwd file\r\n"
    assert output(server, nobody) == [(1, unknown)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes groups")
def test_an_unprivileged_process_keeps_no_group_of_root(server: EngineServer, app: str) -> None:
    [(_, printed)] = output(server, created(server, app, "id", "-G", User="postgres"))
    assert printed.split() == [str(Account.unprivileged().gid).encode()]


def test_environment_and_directory_are_the_containers_and_then_its_own(
    server: EngineServer, app: str, tmp_path: Path
) -> None:
    argv = ("sh", "-c", 'echo "$A $B $C"; pwd')
    exec_id = created(server, app, *argv, Env=["B=2", "C=3", "bad"], WorkingDir=str(tmp_path))
    printed = b"".join(data for _, data in output(server, exec_id))
    assert printed.decode() == f"1 2 3\n{tmp_path}\n"


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 400, "No exec command specified"),
        (
            {"Cmd": "true"},
            400,
            "json: cannot unmarshal string into Go struct field ExecConfig.Cmd of type []string",
        ),
        ([], 400, "the body is no JSON object"),
        (b"{bad", 400, "the body is not JSON"),
        ({"Cmd": ["sh"], "Tty": True}, 501, "has no terminal for an exec"),
        ({"Cmd": ["sh"], "AttachStdin": True}, 501, "has no standard input for an exec"),
        ({"Cmd": ["sh"], "Privileged": True}, 501, "has no privileged exec"),
    ],
)
def test_a_wrong_request_for_a_process_is_refused(
    server: EngineServer, app: str, body: object, status: int, sentence: str
) -> None:
    answered = ask(server.path, "POST", f"/containers/{app}/exec", body)
    assert answered.status == status
    assert sentence in answered.message


def test_a_client_that_hangs_up_does_not_end_the_process(
    server: EngineServer, app: str, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    script = f"echo up; sleep .3; seq 1 100000; touch {done}"
    exec_id = created(server, app, "sh", "-c", script)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(server.path))
        head = f"POST /exec/{exec_id}/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{{}}"
        raw.sendall(head.encode())
        seen = b""
        while b"up\n" not in seen:
            seen += raw.recv(4096)
    eventually(done.exists)
    eventually(lambda: inspected(server, exec_id)["ExitCode"] == 0)


def test_a_stop_of_the_container_ends_its_processes_and_forgets_prepared_ones(
    client: DockerClient, app: str
) -> None:
    running = client.api.exec_create(app, ["sh", "-c", "setsid sleep 86400 & wait"])["Id"]
    prepared = client.api.exec_create(app, ["true"])["Id"]
    client.api.exec_start(running, detach=True)
    assert client.api.inspect_container(app)["ExecIDs"] == [running]
    pid = client.api.exec_inspect(running)["Pid"]
    client.api.stop(app, timeout=5)
    eventually(lambda: not is_alive(pid))
    eventually(lambda: client.api.exec_inspect(running)["ExitCode"] == 137)
    with pytest.raises(NotFound, match="No such exec instance"):
        client.api.exec_inspect(prepared)


def test_what_a_process_leaves_in_the_background_lives_until_the_container_stops(
    server: EngineServer, client: DockerClient, app: str
) -> None:
    exec_id = created(server, app, "sh", "-c", "sleep 86400 >/dev/null 2>&1 & echo $!")
    [(_, printed)] = output(server, exec_id)
    assert inspected(server, exec_id)["ExitCode"] == 0
    assert is_alive(int(printed))
    client.api.stop(app, timeout=5)
    eventually(lambda: not is_alive(int(printed)))


def test_a_stream_ends_two_seconds_after_a_process_whose_outputs_are_held_open(
    server: EngineServer, app: str
) -> None:
    began = time.monotonic()
    exec_id = created(server, app, "sh", "-c", "echo a; sleep 60 & exit 7")
    assert output(server, exec_id) == [(1, b"a\n")]
    assert 1.9 < time.monotonic() - began < 5
    assert inspected(server, exec_id)["ExitCode"] == 7


def test_a_process_of_a_new_run_is_not_ended_with_those_of_the_last(
    server: EngineServer, client: DockerClient, app: str
) -> None:
    for _ in range(10):
        last = [created(server, app, "sleep", "86400") for _ in range(3)]
        for exec_id in last:
            client.api.exec_start(exec_id, detach=True)
        client.api.restart(app, timeout=5)
        assert output(server, created(server, app, "sh", "-c", "sleep .03; echo on")) == [
            (1, b"on\n")
        ]
        eventually(lambda: {inspected(server, each)["ExitCode"] for each in last} == {137})  # noqa: B023 # called at once
