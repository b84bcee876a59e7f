"""What the Docker adapter promises, whatever engine is behind it.

A module that has an engine makes fixtures called `bench` and `direct_bench`, and inherits both
classes. `bench` may be behind a proxy that allows little; `direct_bench` must not be.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Protocol

import pytest
from docker import DockerClient
from docker.models.containers import Container

from bot.adapters.docker_host import DockerHost
from bot.core.errors import ContainerNotFound, EngineRefused
from bot.core.models import ContainerRef
from bot.core.ports.containers import ExecResult, Stream


class Bench(Protocol):
    """An engine, with a container that stays and others made for one test."""

    @property
    def client(self) -> DockerClient:
        """The SDK, to look at the engine past the adapter and to meddle."""

    @property
    def database(self) -> str:
        """The name of a running container, with its id, in which processes are run."""

    @property
    def user_inside(self) -> str:
        """What `id -un` says there of the user postgres."""

    @property
    def quick(self) -> tuple[list[str], str]:
        """A program that prints at once and ends, and how its output begins."""

    @property
    def failing(self) -> tuple[list[str], str]:
        """A program that ends with 1, and a part of what it says on its error output."""

    def connect(self, *names: str, timeout: float = 30) -> DockerHost:
        """Return an adapter, for containers that are named to it."""

    def shell(self, script: str) -> list[str]:
        """Return arguments that run a script."""

    def echo(self, text: str) -> list[str]:
        """Return arguments that print a text, itself an argument, and a newline."""

    def application(
        self,
        *,
        ignores_sigterm: bool = False,
        compose: tuple[str, str] | None = None,
        running: bool = True,
        stop_timeout: int | None = None,
    ) -> Container:
        """Make a container that does nothing."""


def database_id(bench: Bench) -> str:
    return str(bench.client.containers.get(bench.database).id)


def run(host: DockerHost, bench: Bench, script: str) -> ExecResult:
    return host.execute(database_id(bench), bench.shell(script), user="postgres")


class FindingContract:
    def test_ping_says_the_version_of_the_engine(self, bench: Bench) -> None:
        assert bench.connect().ping() == bench.client.version()["Version"]

    def test_a_container_is_found_by_its_name(self, bench: Bench) -> None:
        app = bench.application()
        found = bench.connect(str(app.name)).find(ContainerRef(name=str(app.name)))
        assert (found.id, found.name, found.running) == (app.id, app.name, True)
        assert found.image == app.attrs["Config"]["Image"]
        assert found.stop_timeout is None

    def test_a_name_that_holds_the_name_asked_for_is_another_container(self, bench: Bench) -> None:
        app = bench.application()
        part = str(app.name)[:-1]
        with pytest.raises(ContainerNotFound, match=f"named '{part}'; near names: .*{app.name}"):
            bench.connect(str(app.name), part).find(ContainerRef(name=part))

    def test_a_name_is_no_pattern(self, bench: Bench) -> None:
        app = bench.application()
        pattern = str(app.name).replace("-", ".")
        with pytest.raises(ContainerNotFound):
            bench.connect(str(app.name)).find(ContainerRef(name=pattern))

    def test_a_container_is_found_by_its_compose_service(self, bench: Bench) -> None:
        project = f"shop{secrets.token_hex(3)}"
        app = bench.application(compose=(project, "web"), running=False)
        ref = ContainerRef(service="web", project=project)
        found = bench.connect(str(app.name)).find(ref)
        assert (found.id, found.running) == (app.id, False)

    def test_a_service_of_two_projects_needs_the_project_too(self, bench: Bench) -> None:
        service = f"web{secrets.token_hex(3)}"
        apps = [bench.application(compose=(p, service), running=False) for p in ("one", "two")]
        with pytest.raises(ContainerNotFound) as caught:
            bench.connect().find(ContainerRef(service=service))
        assert all(str(app.name) in str(caught.value) for app in apps)

    def test_an_unknown_service_is_named_with_its_project(self, bench: Bench) -> None:
        ref = ContainerRef(service="nobody", project="nowhere")
        with pytest.raises(ContainerNotFound, match="service 'nobody' in project 'nowhere'"):
            bench.connect().find(ref)

    def test_the_stop_timeout_is_the_containers_own(self, direct_bench: Bench) -> None:
        app = direct_bench.application(running=False, stop_timeout=120)
        assert direct_bench.connect().find(ContainerRef(name=str(app.name))).stop_timeout == 120


class ActingContract:
    def test_start_stop_and_restart_do_what_they_say(self, bench: Bench) -> None:
        app = bench.application(running=False)
        host, ref = bench.connect(str(app.name)), ContainerRef(name=str(app.name))
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

    def test_a_stop_may_take_longer_than_the_engine_has_to_answer(self, bench: Bench) -> None:
        app = bench.application(ignores_sigterm=True)
        host = bench.connect(str(app.name), timeout=1.5)
        began = time.monotonic()
        host.stop(str(app.id), 3)
        assert time.monotonic() - began >= 3
        assert not host.find(ContainerRef(name=str(app.name))).running

    def test_a_container_made_anew_under_the_name_is_not_touched(self, bench: Bench) -> None:
        app = bench.application()
        host = bench.connect(str(app.name))
        found = host.find(ContainerRef(name=str(app.name)))
        app.rename(f"{app.name}-old")
        successor = bench.application()
        successor.rename(found.name)
        app.remove(force=True)
        with pytest.raises(ContainerNotFound, match="made anew"):
            host.stop(found.id, 1)
        successor.reload()
        assert successor.status == "running"


class RunningContract:
    def test_both_outputs_and_the_exit_code_are_returned(self, bench: Bench) -> None:
        host = bench.connect()
        done = run(host, bench, "printf 'out\\n'; printf 'err\\n' >&2")
        assert done == ExecResult(0, "out\n", "err\n")
        argv, complaint = bench.failing
        failed = host.execute(database_id(bench), argv, user="postgres")
        assert failed.exit_code == 1
        assert complaint in failed.stderr

    def test_arguments_reach_the_program_as_they_are(self, bench: Bench) -> None:
        odd = """a b "c" 'd' \\ $HOME; `id` {} [] é 한국 \u2028 \x1b"""
        argv = bench.echo(odd)
        done = bench.connect().execute(database_id(bench), argv, user="postgres")
        assert done.stdout == f"{odd}\n"

    def test_user_and_environment_are_the_ones_asked_for(self, bench: Bench) -> None:
        argv = bench.shell('echo "$(id -un) $PGAPPNAME"')
        env = {"PGAPPNAME": 'tsbot "é" \\'}
        done = bench.connect().execute(database_id(bench), argv, user="postgres", env=env)
        assert done.stdout == f'{bench.user_inside} tsbot "é" \\\n'

    def test_lines_arrive_while_the_process_runs_and_are_not_kept(self, bench: Bench) -> None:
        seen: list[tuple[Stream, str, float]] = []
        done = bench.connect().execute(
            database_id(bench),
            bench.shell("echo first; sleep 1; printf '\\303'; sleep .1; printf '\\251 last' >&1"),
            user="postgres",
            on_line=lambda stream, line: seen.append((stream, line, time.monotonic())),
        )
        assert [(stream, line) for stream, line, _ in seen] == [
            (Stream.OUT, "first"),
            (Stream.OUT, "é last"),
        ]
        assert seen[1][2] - seen[0][2] > 0.9
        assert done == ExecResult(0, "", "")

    def test_nothing_of_much_output_is_lost(self, bench: Bench) -> None:
        lines: dict[Stream, list[str]] = {stream: [] for stream in Stream}
        bench.connect().execute(
            database_id(bench),
            bench.shell("seq 1 200000; seq 1 20000 >&2"),
            user="postgres",
            on_line=lambda stream, line: lines[stream].append(line),
        )
        assert lines[Stream.OUT] == [str(n) for n in range(1, 200_001)]
        assert lines[Stream.ERR] == [str(n) for n in range(1, 20_001)]

    def test_bytes_come_as_they_were_printed_and_are_not_kept(self, bench: Bench) -> None:
        pieces: dict[Stream, bytearray] = {stream: bytearray() for stream in Stream}
        done = bench.connect().execute(
            database_id(bench),
            bench.shell("printf 'a\\r\\n\\377\\r'; seq 1 200000; printf 'e\\000' >&2"),
            user="postgres",
            on_chunk=lambda stream, data: pieces[stream].extend(data),
        )
        numbers = b"".join(b"%d\n" % n for n in range(1, 200_001))
        assert bytes(pieces[Stream.OUT]) == b"a\r\n\xff\r" + numbers
        assert bytes(pieces[Stream.ERR]) == b"e\0"
        assert done == ExecResult(0, "", "")

    def test_output_that_comes_at_once_is_never_lost(self, bench: Bench) -> None:
        host = bench.connect()
        argv, beginning = bench.quick
        for _ in range(25):
            done = host.execute(database_id(bench), argv, user="postgres")
            assert done.stdout.startswith(beginning)

    def test_a_process_may_be_silent_for_longer_than_the_engine_has_to_answer(
        self, bench: Bench
    ) -> None:
        host = bench.connect(timeout=1)
        assert run(host, bench, "sleep 3; echo done").stdout == "done\n"

    def test_what_the_receiver_of_lines_raises_goes_through_and_ends_the_call(
        self, bench: Bench
    ) -> None:
        class NoSpaceError(OSError):
            pass

        def refuse(stream: Stream, line: str) -> None:
            raise NoSpaceError(line)

        host = bench.connect()
        argv = bench.shell("echo one; sleep 4")
        began = time.monotonic()
        with pytest.raises(NoSpaceError, match="one"):
            host.execute(database_id(bench), argv, user="postgres", on_line=refuse)
        assert time.monotonic() - began < 3
        assert host.ping()

    def test_two_processes_can_run_at_once(self, bench: Bench) -> None:
        host = bench.connect()
        results: list[str] = []
        threads = [
            threading.Thread(
                target=lambda n=n: results.append(run(host, bench, f"sleep 1; echo {n}").stdout)
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


class RefusalContract:
    def test_too_much_output_that_nobody_takes_is_refused(self, direct_bench: Bench) -> None:
        argv = ["head", "-c", str(65 * 2**20), "/dev/zero"]
        with pytest.raises(EngineRefused, match="more than 64 MiB"):
            direct_bench.connect().execute(database_id(direct_bench), argv)

    def test_a_missing_program_is_named(self, direct_bench: Bench) -> None:
        name = direct_bench.database
        with pytest.raises(EngineRefused, match=f"no program pg_restroe in .* {name}"):
            direct_bench.connect().execute(database_id(direct_bench), ["pg_restroe", "-l"])

    def test_a_program_that_may_not_be_run_is_named(self, direct_bench: Bench) -> None:
        with pytest.raises(EngineRefused, match=r"/etc/passwd cannot be run .* permission denied"):
            direct_bench.connect().execute(database_id(direct_bench), ["/etc/passwd"])

    def test_the_exit_code_127_of_a_program_that_ran_is_just_returned(
        self, direct_bench: Bench
    ) -> None:
        argv = ["sh", "-c", "exit 127"]
        done = direct_bench.connect().execute(database_id(direct_bench), argv)
        assert done.exit_code == 127

    def test_a_stopped_container_runs_nothing_and_the_engine_says_so(
        self, direct_bench: Bench
    ) -> None:
        app = direct_bench.application(running=False)
        with pytest.raises(EngineRefused, match=f"ontainer {app.name} is not running"):
            direct_bench.connect().execute(str(app.id), ["true"])

    def test_a_container_that_stops_meanwhile_ends_the_process(self, direct_bench: Bench) -> None:
        app = direct_bench.application()
        killer = threading.Timer(0.5, app.kill)
        killer.start()
        done = direct_bench.connect().execute(str(app.id), ["sleep", "60"])
        killer.join()
        assert done.exit_code != 0
