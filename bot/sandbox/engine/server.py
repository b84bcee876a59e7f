"""The engine as a whole: a unix socket to listen on, and its end."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.sandbox.engine.container import Container
from bot.sandbox.engine.engine import Engine
from bot.sandbox.engine.front import Front
from bot.sandbox.engine.spec import ContainerSpec

SOCKET_PATH_BYTES = 103
"""The longest path that macOS takes; Linux takes four more."""


class EngineServer:
    """A Docker engine in appearance: containers are local processes. A stand-in, for nobody else.

    Use it as a context manager or call start() and close().

    Args:
        socket_path: made for the current account alone; one that a dead engine left is replaced.

    Raises:
        ValueError: the path is too long for a socket.
    """

    def __init__(self, socket_path: str | Path) -> None:
        self.path = Path(socket_path).absolute()
        if len(bytes(self.path)) > SOCKET_PATH_BYTES:
            raise ValueError(f"{self.path} is longer than {SOCKET_PATH_BYTES} bytes")
        self._engine: Engine | None = None
        self._front: Front | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What DOCKER_HOST is set to."""
        return f"unix://{self.path}"

    @property
    def engine(self) -> Engine:
        """The containers. Raises RuntimeError before start() and after close()."""
        if self._engine is None:
            raise RuntimeError("the sandbox engine is not running")
        return self._engine

    def add(self, spec: ContainerSpec, *, start: bool = True) -> Container:
        """Create a container, and start it unless told otherwise.

        Raises:
            EngineFault: the name is taken, or the process cannot be started.
        """
        container = self.engine.add(spec)
        if start:
            container.start()
        return container

    def start(self) -> Self:
        """Listen and serve; returns itself.

        Raises:
            OSError: another engine answers there, or the directory cannot be written.
        """
        _remove_stale(self.path)
        engine = Engine()
        try:
            front = Front(self.path, engine)
        except OSError:
            engine.close(0)
            raise
        self._engine, self._front = engine, front
        self._thread = threading.Thread(
            target=front.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="sandbox engine",
            daemon=True,
        )
        self._thread.start()
        return self

    def close(self, timeout: float | None = None) -> None:
        """Stop all containers at once, then end all connections; no effect a second time.

        Args:
            timeout: seconds after which what still runs is killed; None is each container's own.
        """
        if self._front is None or self._thread is None:
            return
        self._front.shutdown()
        self._thread.join()
        try:
            self.engine.close(timeout)
        finally:
            self._front.sever()
            self._front.server_close()
            self.path.unlink(missing_ok=True)
            self._engine = self._front = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on any more. Raises OSError where somebody does."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(f"another engine answers on {path}")
