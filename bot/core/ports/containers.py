"""The port to a Docker engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.core.models import Container, ContainerRef


class Stream(StrEnum):
    """Which of a process's outputs a line came from."""

    OUT = "stdout"
    ERR = "stderr"


OnLine = Callable[[Stream, str], None]
OnChunk = Callable[[Stream, bytes], None]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """A finished process in a container; outputs are decoded as UTF-8 with replacement."""

    exit_code: int
    stdout: str
    stderr: str


class ContainerHost(Protocol):
    """One Docker engine."""

    def ping(self) -> str:
        """Return the engine's version."""
        ...

    def find(self, ref: ContainerRef) -> Container:
        """Return the one container that answers to the name or Compose service.

        Raises:
            ContainerNotFound: there is none, or more than one.
        """
        ...

    def addresses(self, container_id: str) -> frozenset[str]:
        """Return its IP addresses in all of its networks, none where it is stopped."""
        ...

    def start(self, container_id: str) -> None:
        """Start it; no effect on a running one."""
        ...

    def stop(self, container_id: str, timeout: int) -> None:
        """Stop it, killing it after ``timeout`` seconds; no effect on a stopped one."""
        ...

    def restart(self, container_id: str, timeout: int) -> None:
        """Restart it, killing it after ``timeout`` seconds."""
        ...

    def execute(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        on_chunk: OnChunk | None = None,
    ) -> ExecResult:
        """Run ``argv`` in the container, without a shell, until it ends.

        Args:
            container_id: a running container.
            argv: the program and its arguments.
            user: user in the container, empty for the image's own.
            env: added to the container's environment.
            on_line: called with each line as it arrives; lines handed to it are not kept in the
                result, so that hours of output need no memory.
            on_chunk: called instead with the bytes as they arrive, cut anywhere; for output that is
                too much to be decoded, or must not be.
        """
        ...
