"""The adapter's contract on the sandbox's engine: the suite that a real engine passes."""

from __future__ import annotations

import pwd
import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from docker import DockerClient
from docker.models.containers import Container

from bot.adapters.docker_host import DockerHost
from bot.core.errors import EngineUnavailable
from bot.core.models import ContainerRef
from bot.core.ports.containers import Stream
from bot.sandbox.engine import Account, EngineServer
from tests.adapters.docker_host_contract import (
    ActingContract,
    FindingContract,
    RefusalContract,
    RunningContract,
)
from tests.sandbox.engine.conftest import Add
from tests.sandbox.engine.processes import eventually


class SandboxBench:
    """The sandbox's engine with one container that stays."""

    user_inside = pwd.getpwuid(Account.unprivileged().uid).pw_name
    quick = (["echo", "at", "once"], "at once")
    failing = (["sh", "-c", "echo division by zero >&2; exit 1"], "division by zero")

    def __init__(self, server: EngineServer, client: DockerClient, add: Add, stack: ExitStack):
        self.client = client
        self.database = add("database").name
        self._add = add
        self._server = server
        self._stack = stack

    def connect(self, *names: str, timeout: float = 30) -> DockerHost:
        host = DockerHost(self._server.url, timeout=timeout)
        self._stack.callback(host.close)
        return host

    def shell(self, script: str) -> list[str]:
        return ["sh", "-c", script]

    def echo(self, text: str) -> list[str]:
        return ["printf", "%s\\n", text]

    def application(
        self,
        *,
        ignores_sigterm: bool = False,
        compose: tuple[str, str] | None = None,
        running: bool = True,
        stop_timeout: int | None = None,
    ) -> Container:
        trap = "trap ''" if ignores_sigterm else "trap 'exit 0'"
        project, service = compose or ("", "")
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
        made = self._add(
            f"app-{secrets.token_hex(3)}",
            f"{trap} TERM; echo up; while :; do sleep .05; done",
            start=running,
            labels=labels if compose else {},
            stop_timeout=stop_timeout,
        )
        app = self.client.containers.get(made.id)
        if running:  # the shell has set its trap: it is no process 1, which a signal would spare
            eventually(lambda: app.logs() == b"up\n")
        return app


@pytest.fixture
def bench(server: EngineServer, client: DockerClient, add: Add) -> Iterator[SandboxBench]:
    with ExitStack() as stack:
        yield SandboxBench(server, client, add, stack)


@pytest.fixture
def direct_bench(bench: SandboxBench) -> SandboxBench:
    return bench


class TestFinding(FindingContract):
    """Which container is meant."""


class TestActing(ActingContract):
    """Start, stop, restart."""


class TestRunning(RunningContract):
    """Processes beside the main one."""


class TestRefusing(RefusalContract):
    """What cannot be run."""


def test_a_containers_address_is_loopbacks_while_it_runs(bench: SandboxBench) -> None:
    host = bench.connect()
    assert host.addresses(host.find(ContainerRef(name=bench.database)).id) == {"127.0.0.1"}
    stopped = bench.application(running=False)
    assert host.addresses(str(stopped.id)) == frozenset()


def test_an_engine_that_ends_meanwhile_is_an_engine_that_is_unavailable(
    bench: SandboxBench, server: EngineServer
) -> None:
    host = bench.connect(timeout=5)
    container_id = host.find(ContainerRef(name=bench.database)).id
    lines: list[str] = []

    def end_engine(stream: Stream, line: str) -> None:
        lines.append(line)
        server.close(timeout=1)

    with pytest.raises(EngineUnavailable):
        host.execute(container_id, bench.shell("echo up; sleep 60"), on_line=end_engine)
    assert lines == ["up"]
