"""`tsbot demo` as somebody starts it, and what it leaves behind."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bot
from bot.sandbox.engine.watchdog import descendants

WITHIN_S = 90.0
"""Far more than a demo takes, for machines that do other things as well."""

SOURCE = Path(bot.__file__).parents[1]
HOME = re.compile(r"below (\S+/tsbot-\S+)$", re.MULTILINE)
PAGE = re.compile(r"^The workspace's page: (http://127\.0\.0\.1:\d+/)$", re.MULTILINE)
NOBODY = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    # An interpreter below root's home could not be read otherwise; nothing more is allowed by it.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    "--securebits=+no_setuid_fixup",  # so that access(2) says what open(2) does
)


class Demo:
    """A running `tsbot demo`, its words so far, and the processes it has ever had."""

    def __init__(self, *options: str, user: tuple[str, ...] = (), **env: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [*user, sys.executable, "-m", "bot", "demo", *options],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._family: dict[int, str] = {}

    @property
    def home(self) -> Path:
        """Its directory."""
        return Path(self.wait_for(HOME).group(1))

    @property
    def page(self) -> str:
        """The page's address."""
        return self.wait_for(PAGE).group(1)

    def wait_for(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Wait until it has said something."""
        deadline = time.monotonic() + WITHIN_S
        while self.process.poll() is None and not re.search(pattern, self.said):
            assert time.monotonic() < deadline, f"no {pattern!r} yet in:\n{self.said}"
            time.sleep(0.03)
        if self.process.poll() is not None:
            self._reader.join(WITHIN_S)
        found = re.search(pattern, self.said)
        assert found is not None, f"no {pattern!r} in:\n{self.said}"
        return found

    def signal(self, number: int) -> None:
        """Signal it, as `kill` does: itself alone."""
        self._family |= {pid: birth(pid) for pid in descendants(self.process.pid)}
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Press Ctrl-C: a terminal signals all that is in its foreground."""
        self._family |= {pid: birth(pid) for pid in descendants(self.process.pid)}
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(WITHIN_S)
        self._reader.join(WITHIN_S)
        return code

    def running(self) -> list[str]:
        """Name what still runs of it: by what it had when it was signalled, and by its place."""
        left = [f"{pid}" for pid, born in self._family.items() if born and birth(pid) == born]
        return left + [name for pid in pids() if (name := using(pid, self.home)) is not None]

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said += line


@contextmanager
def demo(*options: str, user: tuple[str, ...] = (), **env: str) -> Iterator[Demo]:
    """Start it, and make sure that it ends."""
    started = Demo(*options, user=user, **env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.terminate()
        started.end()


def until(holds: Callable[[], object], within: float = WITHIN_S) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.03)


def other_user() -> tuple[str, ...]:
    """How an ordinary user starts it where root runs the tests; nothing where none does."""
    return NOBODY if os.geteuid() == 0 and sys.platform == "linux" else ()


def owner(path: Path) -> str:
    """Whose a file is."""
    return pwd.getpwuid(path.stat().st_uid).pw_name


def pids() -> list[int]:
    """List the machine's processes."""
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def birth(pid: int) -> str:
    """Return when a process was started, empty where it is gone or waits to be noticed so."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def using(pid: int, place: Path) -> str | None:
    """Return the command line of a process that names a directory there or in its environment."""
    name = os.fsencode(place)
    if pid == os.getpid():
        return None
    try:
        argv, env = (Path(f"/proc/{pid}/{what}").read_bytes() for what in ("cmdline", "environ"))
    except OSError:  # gone, or somebody else's
        return None
    return argv.replace(b"\0", b" ").decode() if name in argv + env else None


def without_proxies() -> Mapping[str, str]:
    """The variables that would lead requests for loopback elsewhere, emptied."""
    return dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "")
