"""An engine of the test's own on a short socket path, and the docker SDK talking to it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient

from bot.sandbox.engine import Account, Container, ContainerSpec, EngineServer

OBEDIENT = "trap 'exit 0' TERM; sleep 86400 & wait"
DEAF = "trap '' TERM; echo up; while :; do sleep 1; done"
Add = Callable[..., Container]


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """Short: pytest's own directories can be longer than a socket's path may be."""
    with tempfile.TemporaryDirectory(prefix="tsbot-", dir="/tmp") as directory:
        yield Path(directory, "docker.sock")


@pytest.fixture
def server(socket_path: Path) -> Iterator[EngineServer]:
    with EngineServer(socket_path) as running:
        yield running
        running.close(timeout=0.1)


@pytest.fixture
def client(server: EngineServer) -> Iterator[DockerClient]:
    made = docker.DockerClient(base_url=server.url, timeout=30)
    yield made
    made.close()


@pytest.fixture
def add(server: EngineServer) -> Add:
    """Adds a container that runs a script, by default one that obeys SIGTERM."""

    def add(
        name: str = "app", script: str = OBEDIENT, *, start: bool = True, **more: object
    ) -> Container:
        users = {"postgres": Account.unprivileged()}
        fields: dict[str, object] = {"users": users, "labels": {"tsbot.test": "1"}, **more}
        spec = ContainerSpec(name, ("sh", "-c", script), **fields)  # type: ignore[arg-type]
        return server.add(spec, start=start)

    return add
