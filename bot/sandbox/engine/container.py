"""A container: one main process, its state, and the execs beside it."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from bot.sandbox.engine.exec import Exec, ExecConfig, Execs
from bot.sandbox.engine.faults import EngineFault, NoSuchUser, NotStarted, not_running
from bot.sandbox.engine.logs import Log
from bot.sandbox.engine.process import Launch, LocalProcess
from bot.sandbox.engine.spec import ContainerSpec
from bot.sandbox.engine.watchdog import Watchdog

STOP_TIMEOUT_S = 10
"""Where neither the request nor the container says how long (Docker's own)."""

_KILLED_WITHIN_S = 10.0
_FLUSHED_WITHIN_S = 0.5
_RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: "


@dataclass(frozen=True, slots=True)
class State:
    """What a container does; times are nanoseconds since 1970, 0 for never.

    Args:
        status: created, running or exited.
        runs: how often the main process has been started.
    """

    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started: int = 0
    finished: int = 0
    runs: int = 0

    @property
    def running(self) -> bool:
        """Whether the main process runs."""
        return self.status == "running"


class Container:
    """One container; safe to use from several threads.

    Unlike Docker's, its main process is no process 1: a signal that it does not handle ends it,
    and descendants that left its group are found only while it runs: where it ends by itself, they
    have to notice (PostgreSQL's do).
    """

    def __init__(self, spec: ContainerSpec, watchdog: Watchdog) -> None:
        self.id = secrets.token_hex(32)
        self.spec = spec
        self.name = spec.name
        self.created = time.time_ns()
        self.log = Log()
        self._watchdog = watchdog
        self._execs = Execs()
        self._turn = threading.RLock()  # one start, stop or restart after the other
        self._changed = threading.Condition()
        self._state = State()
        self._process: LocalProcess | None = None
        self._is_closed = False

    @property
    def state(self) -> State:
        """What it does now."""
        with self._changed:
            return self._state

    def start(self) -> bool:
        """Start it; return false where it runs already.

        Raises:
            EngineFault: there is no such program or user, or the engine is closing.
        """
        with self._turn, self._changed:
            if self._state.running:
                return False
            if self._is_closed:
                raise EngineFault(HTTPStatus.SERVICE_UNAVAILABLE, "the sandbox engine is closing")
            self._start()
            return True

    def stop(self, timeout: float | None = None, number: int | None = None) -> bool:
        """Signal it and kill it if it still runs later; return false where it does not run.

        Args:
            timeout: seconds; None is the container's own, a negative one is for ever.
            number: the signal; None is the container's own.
        """
        patience = self._patience(timeout)
        with self._turn:
            process = self._running_process()
            if process is None:
                return False
            process.signal(number or self.spec.stop_number)
            if not self._await_exit(None if patience < 0 else patience):
                self._kill(process)
            return True

    def restart(self, timeout: float | None = None, number: int | None = None) -> None:
        """Stop it, if it runs, and start it. Raises as start() does."""
        with self._turn:
            self.stop(timeout, number)
            self.start()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal the main process; SIGKILL is waited for.

        Raises:
            EngineFault: it is not running.
        """
        process = self._running_process()
        if process is None:
            reason = f"Container {self.id} is not running"
            raise EngineFault(HTTPStatus.CONFLICT, f"Cannot kill container: {self.name}: {reason}")
        if number == signal.SIGKILL:
            self._kill(process)
        else:
            process.signal(number)

    def wait(self, *, next_exit: bool = False) -> int:
        """Return the exit code once it does not run, or once it has ended again."""
        with self._changed:
            run = self._state.runs if self._state.running else self._state.runs + 1
            self._changed.wait_for(lambda: self._is_closed or self._is_past(run, next_exit))
            return self._state.exit_code

    def close(self, timeout: float | None) -> None:
        """Stop it for good, within about *timeout* seconds, its own where that is None."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        patience = self._patience(timeout)
        if self._turn.acquire(timeout=patience):
            try:
                self.stop(patience)
            finally:
                self._turn.release()
        elif (process := self._running_process()) is not None:  # a longer stop is under way
            self._kill(process)
        for each in self._execs.cut_off():
            each.end()

    def create_exec(self, config: ExecConfig) -> Exec:
        """Prepare a process beside the main one.

        Raises:
            EngineFault: the container is not running.
        """
        with self._changed:
            if not self._state.running:
                raise not_running(self.id)
            return self._execs.add(Exec(self.id, config, self._start_exec))

    def find_exec(self, exec_id: str) -> Exec | None:
        """Return a process prepared or run beside the main one, or None."""
        return self._execs.find(exec_id)

    def exec_ids(self) -> list[str]:
        """List the execs that run now."""
        return self._execs.running()

    def _start(self) -> None:
        spec, log = self.spec, self.log
        log.open()
        try:
            launch = self._launch(spec.argv, ExecConfig(argv=spec.argv))
            launch = replace(launch, alone=True, ending=spec.stop_number)
            pumping = threading.Event()
            process = LocalProcess(launch, self._watchdog, lambda code: self._exited(code, pumping))
        except NotStarted as error:
            log.close()
            raise self._not_started(error) from error
        self._process = process
        runs = self._state.runs + 1
        self._state = State("running", process.pid, started=time.time_ns(), runs=runs)

        def pump() -> None:
            process.pump(log.write)
            pumping.set()

        threading.Thread(target=pump, daemon=True, name=f"log of {spec.name}").start()

    def _not_started(self, error: NotStarted) -> EngineFault:
        known_user = not isinstance(error, NoSuchUser)
        message = f"{_RUNC}unable to start container process: {error}: unknown"
        if not known_user:
            message = str(error)
        self._state = replace(self._state, exit_code=error.exit_code, error=message)
        status = HTTPStatus.BAD_REQUEST if known_user else HTTPStatus.INTERNAL_SERVER_ERROR
        return EngineFault(status, message)

    def _launch(self, argv: tuple[str, ...], config: ExecConfig) -> Launch:
        spec = self.spec
        env = {"HOSTNAME": self.id[:12], **spec.environment(), **config.env}
        workdir = config.workdir or spec.workdir
        return Launch(argv, env, workdir, spec.account(config.user))

    def _start_exec(self, config: ExecConfig, on_exit: Callable[[int], None]) -> LocalProcess:
        with self._changed:  # so that it cannot stop meanwhile and leave the new process behind
            if not self._state.running:
                raise not_running(self.id)
            return LocalProcess(self._launch(config.argv, config), self._watchdog, on_exit)

    def _exited(self, code: int, pumped: threading.Event) -> None:
        pumped.wait(_FLUSHED_WITHIN_S)  # so that who sees the end sees the last lines as well
        self.log.close()
        with self._changed:
            left = self._execs.cut_off()  # here: those of a next run are not meant
            finished = time.time_ns()
            self._process = None
            self._state = replace(
                self._state, status="exited", pid=0, exit_code=code, finished=finished
            )
            self._changed.notify_all()
        for each in left:
            each.end()

    def _kill(self, process: LocalProcess) -> None:
        process.end()
        self._await_exit(_KILLED_WITHIN_S)

    def _patience(self, timeout: float | None) -> float:
        if timeout is not None:
            return timeout
        own = self.spec.stop_timeout
        return STOP_TIMEOUT_S if own is None else own

    def _running_process(self) -> LocalProcess | None:
        with self._changed:
            return self._process

    def _await_exit(self, timeout: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._process is None, timeout)

    def _is_past(self, run: int, next_exit: bool) -> bool:
        state = self._state
        if not next_exit and not state.running:
            return True
        return state.runs > run or (state.runs == run and state.finished > state.started)
