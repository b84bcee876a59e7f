"""Start, stop, restart, kill, wait: what a Docker engine would do and say."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound

from bot.sandbox.engine import ContainerSpec, EngineFault, EngineServer
from tests.sandbox.engine.conftest import DEAF, Add
from tests.sandbox.engine.processes import eventually, is_alive
from tests.sandbox.engine.wire import ask

SLEEPER = "trap 'exit 3' TERM; echo up; sleep 86400 & wait"


def refusal(error: pytest.ExceptionInfo[APIError]) -> tuple[int, str]:
    return int(error.value.status_code or 0), str(error.value.explanation)


def test_a_container_that_obeys_its_signal_ends_with_its_own_exit_code(
    client: DockerClient, add: Add
) -> None:
    app = client.containers.get(add(script=SLEEPER).id)
    eventually(lambda: app.logs() == b"up\n")
    began = time.monotonic()
    app.stop(timeout=10)
    assert time.monotonic() - began < 5
    app.reload()
    state = app.attrs["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)


def test_a_container_that_is_deaf_is_killed_when_its_own_time_is_over(
    client: DockerClient, add: Add
) -> None:
    deaf = add(script=DEAF, stop_timeout=1)
    eventually(lambda: client.api.logs(deaf.id) == b"up\n")
    began = time.monotonic()
    client.api.stop(deaf.id)
    assert 1 <= time.monotonic() - began < 5
    assert client.api.inspect_container(deaf.id)["State"]["ExitCode"] == 137


def test_the_stop_signal_is_the_containers_own(client: DockerClient, add: Add) -> None:
    script = "trap 'exit 7' INT; trap '' TERM; echo up; while :; do sleep .05; done"
    app = client.containers.get(add(script=script, stop_signal="SIGINT").id)
    eventually(lambda: app.logs() == b"up\n")
    app.stop(timeout=10)
    assert app.wait() == {"Error": None, "StatusCode": 7}


def test_the_whole_group_ends_with_its_leader(client: DockerClient, add: Add) -> None:
    script = "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep .05; done\" & wait"
    app = client.containers.get(add(script=script).id)
    eventually(lambda: app.logs().strip() != b"")
    child = int(app.logs())
    assert is_alive(child)
    app.stop(timeout=10)
    eventually(lambda: not is_alive(child))


def test_a_kill_reaches_descendants_in_sessions_of_their_own(
    client: DockerClient, add: Add
) -> None:
    script = "setsid sh -c 'echo $$; sleep 86400; :' & wait"
    app = client.containers.get(add(script=script).id)
    eventually(lambda: app.logs().strip() != b"")
    child = int(app.logs())
    app.kill()
    eventually(lambda: not is_alive(child))


def test_a_start_of_what_runs_and_a_stop_of_what_does_not_are_not_modified(
    server: EngineServer, add: Add
) -> None:
    app = add()
    start = ask(server.path, "POST", f"/v1.41/containers/{app.id}/start")
    app.stop(1)
    stop = ask(server.path, "POST", f"/v1.41/containers/{app.id}/stop")
    assert (start.status, stop.status) == (304, 304)


def test_a_restart_is_another_process_and_starts_what_was_stopped(
    client: DockerClient, add: Add
) -> None:
    app = client.containers.get(add().id)
    first = app.attrs["State"]["Pid"]
    app.restart(timeout=5)
    app.reload()
    second = app.attrs["State"]["Pid"]
    app.stop(timeout=5)
    app.restart(timeout=5)
    app.reload()
    assert app.status == "running"
    assert len({first, second, app.attrs["State"]["Pid"]}) == 3


def test_waiting_ends_with_the_exit_of_the_process(client: DockerClient, add: Add) -> None:
    app = add(script="trap 'exit 4' TERM; echo up; sleep 86400 & wait")
    eventually(lambda: client.api.logs(app.id) == b"up\n")
    codes: list[int] = []
    waiting = threading.Thread(
        target=lambda: codes.append(client.api.wait(app.id, condition="next-exit")["StatusCode"])
    )
    waiting.start()
    for _ in range(5):  # whoever comes too late for one exit waits for the next
        app.stop(5)
        waiting.join(1)
        if not waiting.is_alive():
            break
        app.start()
        eventually(lambda: client.api.logs(app.id).endswith(b"up\n"))
    assert codes == [4]


def test_signals_reach_the_process_by_name_and_number(client: DockerClient, add: Add) -> None:
    script = "trap 'echo usr' USR1; echo up; while :; do sleep .05; done"
    app = client.containers.get(add(script=script).id)
    eventually(lambda: app.logs() == b"up\n")
    app.kill(signal="SIGUSR1")
    eventually(lambda: app.logs() == b"up\nusr\n")
    app.kill(signal="USR1")
    eventually(lambda: app.logs() == b"up\nusr\nusr\n")
    with pytest.raises(APIError) as caught:
        app.kill(signal="NOPE")
    assert refusal(caught) == (400, "Invalid signal: NOPE")


def test_a_kill_of_what_does_not_run_is_a_conflict(client: DockerClient, add: Add) -> None:
    app = add("idle", start=False)
    with pytest.raises(APIError) as caught:
        client.api.kill("idle")
    sentence = f"Cannot kill container: idle: Container {app.id} is not running"
    assert refusal(caught) == (409, sentence)


def test_a_program_that_is_missing_is_told_as_runc_words_it(
    client: DockerClient, server: EngineServer
) -> None:
    server.add(ContainerSpec("broken", ("xnope",)), start=False)
    with pytest.raises(APIError) as caught:
        client.api.start("broken")
    code, text = refusal(caught)
    assert code == 400
    assert text.endswith('exec: "xnope": executable file not found in $PATH: unknown')
    state = client.api.inspect_container("broken")["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 127, text)


def test_a_user_that_is_not_in_the_table_is_not_guessed(
    client: DockerClient, server: EngineServer
) -> None:
    server.add(ContainerSpec("broken", ("true",), user="somebody"), start=False)
    with pytest.raises(APIError) as caught:
        client.api.start("broken")
    assert refusal(caught) == (
        500,
        "unable to find user somebody: no matching entries in passwd file",
    )


def test_times_are_those_of_the_run(client: DockerClient, add: Add) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    app = add()
    app.stop(1)
    state = client.api.inspect_container(app.id)["State"]
    started, finished = (
        datetime.fromisoformat(state[key][:26] + "+00:00") for key in ("StartedAt", "FinishedAt")
    )
    assert before <= started <= finished <= datetime.now(UTC)


def test_a_container_is_found_by_id_name_and_the_beginning_of_an_id(
    client: DockerClient, add: Add
) -> None:
    app, _ = add("web", start=False), add("db", start=False)
    for reference in (app.id, app.id[:12], "web"):
        assert client.api.inspect_container(reference)["Id"] == app.id
    with pytest.raises(NotFound) as caught:
        client.api.inspect_container("we")
    assert refusal(caught) == (404, "No such container: we")


def test_a_name_is_given_once(server: EngineServer, client: DockerClient, add: Add) -> None:
    first, second = add("web", start=False), add("db", start=False)
    with pytest.raises(EngineFault, match=f'"/web" is already in use by container "{first.id}"'):
        add("web")
    with pytest.raises(APIError, match="is already in use"):
        client.api.rename(second.id, "web")
    client.api.rename(second.id, "other")
    assert client.api.inspect_container("other")["Name"] == "/other"
    with pytest.raises(APIError, match="Invalid container name"):
        client.api.rename(second.id, "a b")


def test_a_running_container_is_removed_by_force_alone(client: DockerClient, add: Add) -> None:
    app = add()
    pid = app.state.pid
    with pytest.raises(APIError, match="You cannot remove a running container"):
        client.api.remove_container(app.id)
    client.api.remove_container(app.id, force=True)
    assert not is_alive(pid)
    with pytest.raises(NotFound):
        client.api.inspect_container(app.id)


@pytest.mark.parametrize("wrong", [{"name": "a b"}, {"argv": ()}, {"stop_signal": "SIGNOPE"}])
def test_a_spec_that_makes_no_sense_is_refused_early(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"name": "app", "argv": ("true",), **wrong}
    with pytest.raises((ValueError, EngineFault)):
        ContainerSpec(**fields)  # type: ignore[arg-type]


def test_processes_inherit_nothing_of_this_ones_environment(
    client: DockerClient, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    spec = ContainerSpec("app", ("env",), env={"A": "1"}, path_dirs=("/opt/pg/bin",))
    app = server.add(spec)
    client.api.wait(app.id)
    shown = dict(line.split("=", 1) for line in client.api.logs(app.id).decode().splitlines())
    assert shown.keys() <= {"A", "PATH", "HOME", "HOSTNAME", "PWD", "SHLVL", "_"}
    assert shown["PATH"].split(os.pathsep)[0] == "/opt/pg/bin"
    assert shown["A"] == "1"
