"""Ends what the engine started when the engine itself dies, by whatever signal.

The same file runs as a program of its own, without the project on its path: it reads which
processes there are, and when its input ends before they do, it ends them. A process of its own
works wherever there are pipes; a death signal asked of the kernel is Linux's alone, goes by the
thread that started the process, and is forgotten when the user changes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

GRACE_S = 2.0
_POLL_S = 0.02
_PROC = Path("/proc")
_GONE = (ProcessLookupError, PermissionError)  # macOS says the latter of a zombie's group


class Watchdog:
    """The engine's end of the program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a Ctrl-C at the terminal must not reach it
        )

    def watch(self, pid: int, ending: int) -> None:
        """End the session of *pid* by the signal *ending* if the engine dies.

        Raises:
            OSError: the program is gone, so that nothing would end the process.
        """
        self._tell(f"{pid} {ending}\n")

    def forget(self, pid: int) -> None:
        """Let go of a process that has ended."""
        with contextlib.suppress(OSError):
            self._tell(f"{pid} 0\n")

    def close(self) -> None:
        """End the program, and with it whatever it still watches."""
        with self._lock:
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process.stdin is None or self._process.stdin.closed:
                raise BrokenPipeError("the watchdog of the sandbox engine has been closed")
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def kill_tree(pid: int) -> None:
    """Kill the process, its group, and its descendants: servers give theirs sessions of their own.

    Descendants whose parents have ended before are found by their group alone.
    """
    family = descendants(pid)
    with contextlib.suppress(*_GONE):
        os.killpg(pid, signal.SIGKILL)
    for each in family:
        with contextlib.suppress(*_GONE):
            os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """List children, their children and so on."""
    children: dict[int, list[int]] = {}
    for each, parent in _parents():
        children.setdefault(parent, []).append(each)
    found = [pid]
    for each in found:  # grows meanwhile
        found += children.get(each, [])
    return found[1:]


def has_others_in_group(pid: int) -> bool:
    """Tell whether the group led by *pid* has more members than its leader."""
    return any(_group(each) == pid for each in _pids() if each != pid)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except _GONE:
        return None


def _pids() -> list[int]:
    if _PROC.joinpath("self", "stat").exists():
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid, _ in _asked_of_ps()]


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process of the machine with its parent."""
    if not _PROC.joinpath("self", "stat").exists():
        yield from _asked_of_ps()
        return
    for pid in _pids():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield pid, int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """Read proc(5)'s fields from the state on: before it stands a name, which may hold anything."""
    stat = _PROC.joinpath(str(pid), "stat").read_text(errors="replace")
    return stat.rpartition(")")[2].split()


def _asked_of_ps() -> Iterator[tuple[int, int]]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=False, text=True
    )
    for line in listing.stdout.splitlines():
        pid, parent = map(int, line.split())
        yield pid, parent


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return _stat(pid)[0] != "Z"  # ended, and nobody has taken note yet
    except OSError:
        return True


def _end(watched: dict[int, int]) -> None:
    """Ask each to end, give them a moment together, then kill them."""
    for pid, ending in watched.items():
        with contextlib.suppress(*_GONE):
            os.kill(pid, ending)
    deadline = time.monotonic() + GRACE_S
    left = [pid for pid, ending in watched.items() if ending != signal.SIGKILL]
    while time.monotonic() < deadline and any(map(_is_alive, left)):
        time.sleep(_POLL_S)
    for pid in watched:
        kill_tree(pid)


def main() -> None:
    """Read "pid signal" lines, 0 for an ended one, until the engine's end of the pipe closes."""
    watched: dict[int, int] = {}
    for line in sys.stdin:
        pid, ending = map(int, line.split())
        if ending:
            watched[pid] = ending
        else:
            watched.pop(pid, None)
    _end(watched)


if __name__ == "__main__":
    main()
