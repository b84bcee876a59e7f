"""The adapter's contract on a real engine, directly and through the project's own proxy."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from docker import DockerClient

from bot.adapters.docker_host import DockerHost
from bot.core.errors import ContainerNotFound, EngineRefused, EngineUnavailable
from bot.core.models import ContainerRef
from bot.core.ports.containers import ContainerHost, ExecResult, Stream
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.proxy import DEFAULT_ENGINE, engine_socket, running_proxy

Connect = Callable[..., DockerHost]


@pytest.fixture(params=["direct", "proxied"])
def connect(
    request: pytest.FixtureRequest, shared_database: DatabaseContainer
) -> Iterator[Connect]:
    """Connects an adapter to the engine; through the proxy, containers must be named to it."""
    with ExitStack() as stack:

        def connect(*names: str, timeout: float = 30) -> DockerHost:
            url = os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE
            if request.param == "proxied":
                allowed = [shared_database.name, *names]
                proxy = running_proxy(allowed, [shared_database.name])
                url = f"unix://{stack.enter_context(proxy)}"
            host = DockerHost(url, timeout=timeout)
            stack.callback(host.close)
            return host

        yield connect


@pytest.fixture
def direct() -> Iterator[DockerHost]:
    host = DockerHost(os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE, timeout=30)
    yield host
    host.close()


def shell(script: str) -> list[str]:
    """Run a script through psql, which the proxy allows."""
    return ["psql", "-X", "-q", "-c", f"\\! {script}"]


def run(host: ContainerHost, database: DatabaseContainer, script: str) -> ExecResult:
    return host.execute(database.id, shell(script), user="postgres")


def test_ping_says_the_version_of_the_engine(connect: Connect, engine: DockerClient) -> None:
    assert connect().ping() == engine.version()["Version"]


def test_a_container_is_found_by_its_name(connect: Connect, containers: Containers) -> None:
    app = containers.application()
    found = connect(app.name).find(ContainerRef(name=str(app.name)))
    assert (found.id, found.name, found.running) == (app.id, app.name, True)
    assert found.image == app.attrs["Config"]["Image"]
    assert found.stop_timeout is None


def test_a_name_that_holds_the_name_asked_for_is_another_container(
    connect: Connect, containers: Containers
) -> None:
    app = containers.application()
    part = str(app.name)[:-1]
    with pytest.raises(ContainerNotFound, match=f"named '{part}'; near names: .*{app.name}"):
        connect(app.name, part).find(ContainerRef(name=part))


def test_a_name_is_no_pattern(connect: Connect, containers: Containers) -> None:
    app = containers.application()
    pattern = str(app.name).replace("-", ".")
    with pytest.raises(ContainerNotFound):
        connect(app.name).find(ContainerRef(name=pattern))


def test_a_container_is_found_by_its_compose_service(
    connect: Connect, containers: Containers
) -> None:
    project = f"shop{secrets.token_hex(3)}"
    app = containers.application(compose=(project, "web"), running=False)
    found = connect(app.name).find(ContainerRef(service="web", project=project))
    assert (found.id, found.running) == (app.id, False)


def test_a_service_of_two_projects_needs_the_project_too(
    connect: Connect, containers: Containers
) -> None:
    service = f"web{secrets.token_hex(3)}"
    apps = [containers.application(compose=(p, service), running=False) for p in ("one", "two")]
    with pytest.raises(ContainerNotFound) as caught:
        connect().find(ContainerRef(service=service))
    assert all(str(app.name) in str(caught.value) for app in apps)


def test_an_unknown_service_is_named_with_its_project(connect: Connect) -> None:
    with pytest.raises(ContainerNotFound, match="Compose service 'nobody' in project 'nowhere'"):
        connect().find(ContainerRef(service="nobody", project="nowhere"))


def test_the_stop_timeout_is_the_containers_own(
    direct: DockerHost, containers: Containers, engine: DockerClient
) -> None:
    app = containers.application(running=False)
    other = engine.api.create_container(
        app.attrs["Config"]["Image"], ["true"], labels=containers.labels, stop_timeout=120
    )
    found = direct.find(ContainerRef(name=engine.containers.get(other["Id"]).name or ""))
    assert found.stop_timeout == 120


def test_start_stop_and_restart_do_what_they_say(connect: Connect, containers: Containers) -> None:
    app = containers.application(running=False)
    host, ref = connect(app.name), ContainerRef(name=str(app.name))
    container_id = host.find(ref).id
    acts: list[tuple[Callable[[], None], bool]] = [
        (lambda: host.start(container_id), True),
        (lambda: host.start(container_id), True),
        (lambda: host.stop(container_id, 5), False),
        (lambda: host.stop(container_id, 5), False),
        (lambda: host.restart(container_id, 5), True),
    ]
    for act, running in acts:
        act()
        assert host.find(ref).running is running


def test_a_stop_may_take_longer_than_the_engine_has_to_answer(
    connect: Connect, containers: Containers
) -> None:
    app = containers.application(ignores_sigterm=True)
    host = connect(app.name, timeout=1.5)
    began = time.monotonic()
    host.stop(str(app.id), 3)
    assert time.monotonic() - began >= 3
    assert not host.find(ContainerRef(name=str(app.name))).running


def test_a_container_made_anew_under_the_name_is_not_touched(
    connect: Connect, containers: Containers
) -> None:
    app = containers.application()
    host = connect(app.name)
    found = host.find(ContainerRef(name=str(app.name)))
    app.rename(f"{app.name}-old")
    successor = containers.application()
    successor.rename(found.name)
    app.remove(force=True)
    with pytest.raises(ContainerNotFound, match="made anew"):
        host.stop(found.id, 1)
    successor.reload()
    assert successor.status == "running"


def test_both_outputs_and_the_exit_code_are_returned(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    host = connect()
    done = run(host, shared_database, "printf 'out\\n'; printf 'err\\n' >&2")
    assert done == ExecResult(0, "out\n", "err\n")
    failed = host.execute(shared_database.id, ["psql", "-X", "-c", "SELECT 1/0"], user="postgres")
    assert failed.exit_code == 1
    assert "division by zero" in failed.stderr


def test_arguments_reach_the_program_as_they_are(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    odd = """a b "c" 'd' \\ $HOME; `id` {} [] é 한국 \u2028 \x1b"""
    argv = ["psql", "-XAtq", "-v", f"odd={odd}", "-c", "\\echo :odd"]
    done = connect().execute(shared_database.id, argv, user="postgres")
    assert done.stdout == f"{odd}\n"


def test_user_and_environment_are_the_ones_asked_for(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    argv = shell('echo "$(id -un) $PGAPPNAME"')
    env = {"PGAPPNAME": 'tsbot "é" \\'}
    done = connect().execute(shared_database.id, argv, user="postgres", env=env)
    assert done.stdout == 'postgres tsbot "é" \\\n'


def test_lines_arrive_while_the_process_runs_and_are_not_kept(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    seen: list[tuple[Stream, str, float]] = []
    done = connect().execute(
        shared_database.id,
        shell("echo first; sleep 1; printf '\\303'; sleep .1; printf '\\251 last' >&1"),
        user="postgres",
        on_line=lambda stream, line: seen.append((stream, line, time.monotonic())),
    )
    assert [(stream, line) for stream, line, _ in seen] == [
        (Stream.OUT, "first"),
        (Stream.OUT, "é last"),
    ]
    assert seen[1][2] - seen[0][2] > 0.9
    assert done == ExecResult(0, "", "")


def test_nothing_of_much_output_is_lost(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    lines: dict[Stream, list[str]] = {stream: [] for stream in Stream}
    connect().execute(
        shared_database.id,
        shell("seq 1 200000; seq 1 20000 >&2"),
        user="postgres",
        on_line=lambda stream, line: lines[stream].append(line),
    )
    assert lines[Stream.OUT] == [str(n) for n in range(1, 200_001)]
    assert lines[Stream.ERR] == [str(n) for n in range(1, 20_001)]


def test_output_that_comes_at_once_is_never_lost(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    host = connect()
    for _ in range(25):
        done = host.execute(shared_database.id, ["psql", "--version"], user="postgres")
        assert done.stdout.startswith("psql (PostgreSQL)")


def test_a_process_may_be_silent_for_longer_than_the_engine_has_to_answer(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    host = connect(timeout=1)
    assert run(host, shared_database, "sleep 3; echo done").stdout == "done\n"


def test_what_the_receiver_of_lines_raises_goes_through_and_ends_the_call(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    class NoSpaceError(OSError):
        pass

    def refuse(stream: Stream, line: str) -> None:
        raise NoSpaceError(line)

    host = connect()
    began = time.monotonic()
    with pytest.raises(NoSpaceError, match="one"):
        host.execute(
            shared_database.id, shell("echo one; sleep 4"), user="postgres", on_line=refuse
        )
    assert time.monotonic() - began < 3
    assert host.ping()


def test_too_much_output_that_nobody_takes_is_refused(
    direct: DockerHost, shared_database: DatabaseContainer
) -> None:
    argv = ["head", "-c", str(65 * 2**20), "/dev/zero"]
    with pytest.raises(EngineRefused, match="more than 64 MiB"):
        direct.execute(shared_database.id, argv)


def test_a_missing_program_is_named(direct: DockerHost, shared_database: DatabaseContainer) -> None:
    with pytest.raises(EngineRefused, match=f"no program pg_restroe in .* {shared_database.name}"):
        direct.execute(shared_database.id, ["pg_restroe", "-l"])


def test_a_program_that_may_not_be_run_is_named(
    direct: DockerHost, shared_database: DatabaseContainer
) -> None:
    with pytest.raises(EngineRefused, match=r"/etc/passwd cannot be run .* permission denied"):
        direct.execute(shared_database.id, ["/etc/passwd"])


def test_the_exit_code_127_of_a_program_that_ran_is_just_returned(
    direct: DockerHost, shared_database: DatabaseContainer
) -> None:
    assert direct.execute(shared_database.id, ["sh", "-c", "exit 127"]).exit_code == 127


def test_a_stopped_container_runs_nothing_and_the_engine_says_so(
    direct: DockerHost, containers: Containers
) -> None:
    app = containers.application(running=False)
    with pytest.raises(EngineRefused, match="is not running"):
        direct.execute(str(app.id), ["true"])


def test_a_container_that_stops_meanwhile_ends_the_process(
    direct: DockerHost, containers: Containers
) -> None:
    app = containers.application()
    killer = threading.Timer(0.5, app.kill)
    killer.start()
    done = direct.execute(str(app.id), ["sleep", "60"])
    killer.join()
    assert done.exit_code != 0


def test_a_connection_that_breaks_meanwhile_is_an_engine_that_is_unavailable(
    shared_database: DatabaseContainer,
) -> None:
    stack = ExitStack()
    proxy = running_proxy([shared_database.name], [shared_database.name], engine_socket())
    host = DockerHost(f"unix://{stack.enter_context(proxy)}", timeout=5)
    lines: list[str] = []

    def close_proxy(stream: Stream, line: str) -> None:
        lines.append(line)
        stack.close()

    with pytest.raises(EngineUnavailable):
        host.execute(
            shared_database.id, shell("echo up; sleep 2"), user="postgres", on_line=close_proxy
        )
    assert lines == ["up"]
    host.close()


def test_two_processes_can_run_at_once(
    connect: Connect, shared_database: DatabaseContainer
) -> None:
    host = connect()
    results: list[str] = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(
                run(host, shared_database, f"sleep 1; echo {n}").stdout
            )
        )
        for n in range(4)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["0\n", "1\n", "2\n", "3\n"]
    assert time.monotonic() - began < 3.5
