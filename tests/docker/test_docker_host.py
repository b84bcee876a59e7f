"""The adapter's contract on a real engine, directly and through the project's own proxy."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from docker import DockerClient
from docker.models.containers import Container

from bot.adapters.docker_host import DockerHost
from bot.core.errors import EngineUnavailable
from bot.core.ports.containers import Stream
from tests.adapters.docker_host_contract import (
    ActingContract,
    FindingContract,
    RefusalContract,
    RunningContract,
)
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.proxy import DEFAULT_ENGINE, engine_socket, running_proxy


class DockerBench:
    """A real engine with the session's database; through the proxy, containers must be named."""

    user_inside = "postgres"
    quick = (["psql", "--version"], "psql (PostgreSQL)")
    failing = (["psql", "-X", "-c", "SELECT 1/0"], "division by zero")

    def __init__(
        self, database: str, containers: Containers, stack: ExitStack, *, proxied: bool
    ) -> None:
        self.database = database
        self._containers = containers
        self._stack = stack
        self._proxied = proxied

    @property
    def client(self) -> DockerClient:
        return self._containers.client

    def connect(self, *names: str, timeout: float = 30) -> DockerHost:
        url = os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE
        if self._proxied:
            proxy = running_proxy([self.database, *names], [self.database])
            url = f"unix://{self._stack.enter_context(proxy)}"
        host = DockerHost(url, timeout=timeout)
        self._stack.callback(host.close)
        return host

    def shell(self, script: str) -> list[str]:
        """Run a script through psql, which the proxy allows."""
        return ["psql", "-X", "-q", "-c", f"\\! {script}"]

    def echo(self, text: str) -> list[str]:
        return ["psql", "-XAtq", "-v", f"odd={text}", "-c", "\\echo :odd"]

    def application(
        self,
        *,
        ignores_sigterm: bool = False,
        compose: tuple[str, str] | None = None,
        running: bool = True,
        stop_timeout: int | None = None,
    ) -> Container:
        if stop_timeout is None:
            return self._containers.application(
                ignores_sigterm=ignores_sigterm, compose=compose, running=running
            )
        made = self.client.api.create_container(
            self._containers.image,
            ["true"],
            labels=self._containers.labels,
            stop_timeout=stop_timeout,
        )
        return self.client.containers.get(made["Id"])


@pytest.fixture(params=["direct", "proxied"])
def bench(
    request: pytest.FixtureRequest, shared_database: DatabaseContainer, containers: Containers
) -> Iterator[DockerBench]:
    with ExitStack() as stack:
        proxied = request.param == "proxied"
        yield DockerBench(shared_database.name, containers, stack, proxied=proxied)


@pytest.fixture
def direct_bench(
    shared_database: DatabaseContainer, containers: Containers
) -> Iterator[DockerBench]:
    with ExitStack() as stack:
        yield DockerBench(shared_database.name, containers, stack, proxied=False)


class TestFinding(FindingContract):
    """Which container is meant."""


class TestActing(ActingContract):
    """Start, stop, restart."""


class TestRunning(RunningContract):
    """Processes beside the main one."""


class TestRefusing(RefusalContract):
    """What cannot be run."""


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

    argv = ["psql", "-X", "-q", "-c", "\\! echo up; sleep 2"]
    with pytest.raises(EngineUnavailable):
        host.execute(shared_database.id, argv, user="postgres", on_line=close_proxy)
    assert lines == ["up"]
    host.close()
