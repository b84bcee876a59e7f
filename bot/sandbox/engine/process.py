"""One local process in a session of its own: started, read, signalled, ended."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.sandbox.engine.faults import NotStarted
from bot.sandbox.engine.spec import Account
from bot.sandbox.engine.watchdog import Watchdog, has_others_in_group, kill_tree

OUT, ERR = 1, 2
"""Docker's numbers of the outputs."""

Sink = Callable[[int, bytes], None]
"""Takes what one output wrote."""

LINGER_S = 2.0
"""How long outputs are read on where something in the background holds them open (as Docker)."""

_PIECE = 32 * 2**10
_POLL_S = 0.02
_NOT_FOUND, _NOT_RUN = 127, 126


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process.

    Args:
        ending: the signal that ends it where the engine dies.
        alone: whether nothing of its group may outlive it.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    workdir: str
    account: Account
    ending: int = signal.SIGKILL
    alone: bool = False


class LocalProcess:
    """A running process; whoever made it calls :meth:`pump` once.

    Args:
        launch: what to start.
        watchdog: ends it should the engine die.
        on_exit: called in a thread of this process's own with the exit code, 128 and the signal's
            number where a signal ended it.

    Raises:
        NotStarted: there is no such program, or it may not be run.
    """

    def __init__(self, launch: Launch, watchdog: Watchdog, on_exit: Callable[[int], None]) -> None:
        self._launch = launch
        self._watchdog = watchdog
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._is_over = self._is_killed = False
        self._is_told = threading.Event()
        self._popen = _popen(launch)
        self.pid = self._popen.pid
        self._ended, self._ending = os.pipe()
        watching = threading.Thread(target=self._watch, daemon=True, name=f"process {self.pid}")
        try:
            watchdog.watch(self.pid, launch.ending)  # before it can be forgotten
        except OSError:
            watching.start()
            self.end()
            self.pump(lambda _stream, _data: None)
            raise
        watching.start()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended and left nothing behind."""
        return self._popen.returncode is not None

    def pump(self, sink: Sink) -> None:
        """Hand on both outputs until they end, or a little after the process has ended."""
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        with self._popen.stdout as out, self._popen.stderr as err:
            _pump({out: OUT, err: ERR}, self._ended, sink)
        os.close(self._ended)

    def await_told(self, timeout: float) -> None:
        """Wait until the exit code has been handed on, or the time is over."""
        self._is_told.wait(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the process alone, as Docker does; no effect on one that has ended."""
        with self._lock:
            if self._popen.returncode is None:
                os.kill(self.pid, number)

    def end(self) -> None:
        """Kill the process and all that it started; no effect where nothing is left."""
        with self._lock:
            if self._popen.returncode is None:
                self._is_killed = True
                kill_tree(self.pid)
                if self._is_over:
                    self._reap()

    def _watch(self) -> None:
        code = _await_exit(self._popen)
        with self._lock:
            self._is_over = True
            was_reaped = self._popen.returncode is not None
            if self._launch.alone or was_reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            # A leader that has ended keeps the number of its group from being given to others: it
            # is let go of when the group is empty, or when end() has killed what is left of it.
            to_end = self._launch.alone or was_reaped or self._is_killed
            if to_end or not has_others_in_group(self.pid):
                self._reap()
        self._on_exit(code)
        self._is_told.set()
        os.close(self._ending)

    def _reap(self) -> None:
        self._popen.wait()
        self._watchdog.forget(self.pid)


def _popen(launch: Launch) -> subprocess.Popen[bytes]:
    program = _program(launch)
    own = launch.account == Account.current()
    try:
        return subprocess.Popen(
            launch.argv,
            executable=program,
            env=dict(launch.env),
            cwd=launch.workdir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=None if own else launch.account.uid,
            group=None if own else launch.account.gid,
            extra_groups=None if own else [],
        )
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO).lower()
        if error.filename == launch.workdir:
            raise _no_workdir(launch.workdir, reason) from error
        raise NotStarted(f'exec: "{launch.argv[0]}": {reason}', _NOT_RUN) from error
    except ValueError as error:  # a NUL in an argument
        raise NotStarted(f'exec: "{launch.argv[0]}": invalid argument', _NOT_RUN) from error


def _program(launch: Launch) -> str:
    """Look for the program as runc does."""
    name = launch.argv[0]
    if not Path(launch.workdir).is_dir():
        raise _no_workdir(launch.workdir, "no such file or directory")
    if "/" not in name:
        found = shutil.which(name, path=launch.env.get("PATH", ""))
        if found is None:
            raise NotStarted(f'exec: "{name}": executable file not found in $PATH', _NOT_FOUND)
        return found
    path = Path(launch.workdir, name)
    if not path.exists():
        reason = f'exec: "{name}": stat {name}: no such file or directory'
        raise NotStarted(reason, _NOT_FOUND)
    if path.is_dir() or not os.access(path, os.X_OK):
        raise NotStarted(f'exec: "{name}": permission denied', _NOT_RUN)
    return str(path)


def _no_workdir(workdir: str, reason: str) -> NotStarted:
    return NotStarted(f'chdir to cwd ("{workdir}") set in config.json failed: {reason}', _NOT_FOUND)


def _await_exit(popen: subprocess.Popen[bytes]) -> int:
    """Wait until it ends; leave it to be reaped where the system can (macOS can't)."""
    if hasattr(os, "waitid"):
        ended = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None  # it is only with WNOHANG
        by_itself = ended.si_code == os.CLD_EXITED
        return ended.si_status if by_itself else 128 + ended.si_status
    while popen.poll() is None:
        time.sleep(_POLL_S)
    return popen.returncode if popen.returncode >= 0 else 128 - popen.returncode


def _pump(outputs: Mapping[IO[bytes], int], ended: int, sink: Sink) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ, None)
        for output, number in outputs.items():
            selector.register(output, selectors.EVENT_READ, number)
        _read(selector, set(outputs), sink)


def _read(selector: selectors.BaseSelector, outputs: set[IO[bytes]], sink: Sink) -> None:
    deadline: float | None = None
    while outputs & {key.fileobj for key in selector.get_map().values()}:
        timeout = None if deadline is None else deadline - time.monotonic()
        ready = [key for key, _ in selector.select(timeout)]
        if not ready and timeout is not None:
            return
        if any(key.data is None for key in ready):
            deadline = time.monotonic() + LINGER_S
        for key in ready:
            if key.data is None or not _handed_on(key, sink):
                selector.unregister(key.fileobj)


def _handed_on(key: selectors.SelectorKey, sink: Sink) -> bool:
    """Hand on what can be read from an output now; return false at its end."""
    data = os.read(key.fd, _PIECE)
    if data:
        sink(key.data, data)
    return bool(data)
