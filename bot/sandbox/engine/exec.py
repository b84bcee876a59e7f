"""Processes beside a container's main one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from bot.sandbox.engine.faults import EngineFault, NoSuchUser, NotStarted
from bot.sandbox.engine.process import ERR, OUT, LocalProcess, Sink

NOT_STARTED = 126
"""The exit code of an exec that could not be started, whatever the reason (Docker 20.10)."""

REMEMBERED = 256
"""How many ended execs of a container can still be asked for their exit code."""


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """What is to be run.

    Args:
        argv: the program and its arguments.
        env: added to the container's.
        user: empty for the container's own.
        workdir: empty for the container's own.
        stdout: whether that output is wanted.
        stderr: the same.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    stdout: bool = True
    stderr: bool = True


_TOLD_WITHIN_S = 0.5
"""How long a stream stays open for the exit code, where a process has closed its outputs."""

StartExec = Callable[[ExecConfig, Callable[[int], None]], LocalProcess]


class Exec:
    """One process, prepared first and run once.

    Args:
        container_id: beside whose main process it runs.
        config: what is run.
        start: starts it, as the container's.
    """

    def __init__(self, container_id: str, config: ExecConfig, start: StartExec) -> None:
        self.id = secrets.token_hex(32)
        self.container_id = container_id
        self.config = config
        self.exit_code: int | None = None
        self._start = start
        self._lock = threading.Lock()
        self._was_started = False
        self._process: LocalProcess | None = None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self.exit_code is None

    @property
    def started(self) -> bool:
        """Whether it runs or ran."""
        return self._was_started

    @property
    def is_gone(self) -> bool:
        """Whether it has ended and left nothing behind."""
        return self.exit_code is not None and (self._process is None or self._process.is_gone)

    @property
    def pid(self) -> int:
        """Its process id, 0 before it runs."""
        return 0 if self._process is None else self._process.pid

    def run(self, sink: Sink) -> None:
        """Run it and hand on its outputs until they end.

        The sink is also told, as its first output, why the process could not be started: the
        engine has promised a stream by then.
        """
        try:
            process = self._started()
        except EngineFault as fault:
            sink(OUT, f"{fault}\r\n".encode())
            return
        wanted = {OUT: self.config.stdout, ERR: self.config.stderr}
        process.pump(lambda stream, data: sink(stream, data) if wanted[stream] else None)
        process.await_told(_TOLD_WITHIN_S)  # clients ask for it as soon as the stream ends

    def run_detached(self) -> None:
        """Run it without looking at its outputs.

        Raises:
            EngineFault: it could not be started.
        """
        process = self._started()
        threading.Thread(target=process.pump, args=(_discard,), daemon=True).start()

    def end(self) -> None:
        """Kill it and what it has left behind; no effect where nothing is left."""
        with self._lock:  # it may be starting
            process = self._process
        if process is not None:
            process.end()

    def _started(self) -> LocalProcess:
        with self._lock:
            if self._was_started:
                text = f"Error: Exec command {self.id} has already run"
                raise EngineFault(HTTPStatus.CONFLICT, text)
            self._was_started = True
            try:
                self._process = self._start(self.config, self._exited)
            except (NotStarted, EngineFault, OSError) as error:
                self.exit_code = NOT_STARTED
                raise _fault(error) from error
            return self._process

    def _exited(self, code: int) -> None:
        self.exit_code = code


class Execs:
    """The execs of one container."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._execs: dict[str, Exec] = {}

    def add(self, made: Exec) -> Exec:
        """Keep an exec; the oldest ended ones are forgotten."""
        with self._lock:
            ended = [each.id for each in self._execs.values() if each.is_gone]
            for exec_id in ended[: max(0, len(self._execs) - REMEMBERED)]:
                del self._execs[exec_id]
            self._execs[made.id] = made
        return made

    def find(self, exec_id: str) -> Exec | None:
        """Return an exec by its id, or None."""
        with self._lock:
            return self._execs.get(exec_id)

    def running(self) -> list[str]:
        """List the ids of those that run."""
        with self._lock:
            return [each.id for each in self._execs.values() if each.running]

    def cut_off(self) -> list[Exec]:
        """Forget what has not been started; return the rest, to be ended."""
        with self._lock:
            self._execs = {key: each for key, each in self._execs.items() if each.started}
            return list(self._execs.values())


def _fault(error: Exception) -> EngineFault:
    if isinstance(error, EngineFault):
        return error
    text = f"OCI runtime exec failed: exec failed: unable to start container process: {error}"
    if isinstance(error, NoSuchUser):
        return EngineFault(HTTPStatus.BAD_REQUEST, str(error))
    return EngineFault(HTTPStatus.BAD_REQUEST, f"{text}: unknown")


def _discard(_stream: int, _data: bytes) -> None:
    """Take an output that nobody wants."""
