"""tsbot as an operator has it: settings in a file, a password in the environment, an audit log.

Every command is a process of its own, `python -m bot …`, with warnings as errors.
"""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from docker.models.containers import Container

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Entry, Phase, Query
from tests.docker.containers import DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, EXTENSIONS

ROOT = Path(__file__).parents[2]
TARGET = "prod"
WITHIN_S = 60
DEFAULT_ENGINE = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code, both outputs, and the entries it logged."""

    exit_code: int
    output: str
    entries: tuple[Entry, ...]

    @property
    def run_id(self) -> str:
        """The id of the one run it logged."""
        [run_id] = {e.draft.run_id for e in self.entries}
        return run_id

    @property
    def outcome(self) -> Entry:
        """The entry with which the run ended."""
        return self.entry("run", Phase.OUTCOME)

    def entry(self, action: str, phase: Phase, status: str | None = None) -> Entry:
        """The one entry of that action, phase and, unless None, status."""
        [found] = [
            e
            for e in self.entries
            if (e.draft.action, e.draft.phase) == (action, phase)
            and status in (None, e.draft.status)
        ]
        return found

    def statuses(self, action: str) -> list[str]:
        """The statuses of an action's outcomes, in their order."""
        outcomes = [e.draft for e in self.entries if e.draft.phase is Phase.OUTCOME]
        return [draft.status for draft in outcomes if draft.action == action]


@dataclass(frozen=True)
class State:
    """What a command that changes nothing leaves alone.

    Args:
        databases: oid and whether it accepts connections, by name.
        containers: status, and the time of its last start, by name.
        settings: rows of pg_db_role_setting.
    """

    databases: Mapping[str, tuple[int, bool]]
    containers: Mapping[str, tuple[str, str]]
    settings: tuple[object, ...]


@dataclass(frozen=True)
class Installation:
    """One database, its applications, and the settings for them.

    Args:
        database: the container that is restored.
        applications: its applications.
        directory: holds settings and audit log.
        password: of the superuser, or whoever the settings' DSN names.
        target: keys of the settings' target, changed by `having`.
    """

    database: DatabaseContainer
    applications: tuple[Container, ...]
    directory: Path
    password: str = field(repr=False)
    target: Mapping[str, object] = field(default_factory=dict)

    @property
    def audit_path(self) -> Path:
        """The audit database."""
        return self.directory / "audit.db"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of tsbot's own that a command is given."""
        return {
            "TSBOT_CONFIG": str(self.directory / "tsbot.toml"),
            f"TSBOT_TARGET_{TARGET.upper()}_PASSWORD": self.password,
            "SUDO_USER": "dora",
        }

    def having(self, **target: object) -> "Installation":
        """Return the same with other settings of the target."""
        return replace(self, target={**self.target, **target})

    def restore(self, *arguments: str) -> Finished:
        """Run `tsbot restore` to its end, without a terminal."""
        with self.restoring(*arguments) as running:
            return running.finish()

    def rollback(self, *arguments: str) -> Finished:
        """Run `tsbot rollback` to its end, without a terminal."""
        with self.running("rollback", *arguments) as running:
            return running.finish()

    def repair(self, *arguments: str) -> Finished:
        """Run `tsbot repair` to its end, without a terminal."""
        with self.running("repair", *arguments) as running:
            return running.finish()

    def restoring(self, *arguments: str) -> AbstractContextManager["Running"]:
        """Start `tsbot restore` on a terminal of its own; it is ended with the block."""
        return self.running("restore", *arguments)

    @contextmanager
    def running(self, *arguments: str) -> Iterator["Running"]:
        """Start a command of tsbot on a terminal of its own; it is ended with the block."""
        self.write_settings()
        known = len(self.log())
        master, slave = pty.openpty()
        output = self.directory / f"output-{time.monotonic_ns()}.txt"
        with output.open("wb") as sink:
            process = self._spawn(*arguments, stdin=slave, output=sink.fileno())
        os.close(slave)
        try:
            yield Running(self, process, master, output, known)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(master)

    def audit(self, *arguments: str) -> tuple[int, str]:
        """Run `tsbot audit …` and return its exit code and standard output."""
        self.write_settings()
        process = self._spawn(
            "audit", *arguments, stdin=subprocess.DEVNULL, output=subprocess.PIPE, session=False
        )
        out, _ = process.communicate(timeout=WITHIN_S)
        return process.returncode, out.decode()

    def log(self) -> tuple[Entry, ...]:
        """Return all entries so far."""
        if not self.audit_path.exists():
            return ()
        store = AuditStore(self.audit_path, SystemClock(), writable=False)
        with closing(store):
            return store.log.entries(Query())

    def state(self) -> State:
        """Look at what no refused command may change."""
        databases = self.database.rows(
            "postgres", "SELECT datname, oid::int8, datallowconn FROM pg_database"
        )
        settings = self.database.rows(
            "postgres", "SELECT setdatabase, setrole, setconfig::text FROM pg_db_role_setting"
        )
        return State(
            {name: (oid, allowed) for name, oid, allowed in databases},
            {str(c.name): self.life(c) for c in (self.database.container, *self.applications)},
            tuple(sorted(settings)),
        )

    def life(self, container: Container) -> tuple[str, str]:
        """Return a container's status and the time of its last start."""
        container.reload()
        return container.status, container.attrs["State"]["StartedAt"]

    def server_started(self) -> object:
        """Return the time PostgreSQL was started."""
        [(started,)] = self.database.rows("postgres", "SELECT pg_postmaster_start_time()")
        return started

    def sides(self) -> list[str]:
        """Return the databases that restores have left under a side name."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE '%%\\_restore\\_%%'"
        return [name for (name,) in self.database.rows("postgres", query)]

    def write_settings(self) -> None:
        """Write tsbot.toml as it is now."""
        lines = [
            "[audit]",
            f"path = {_toml(str(self.audit_path))}",
            f"[targets.{TARGET}]",
            *(f"{key} = {_toml(value)}" for key, value in self.target.items()),
        ]
        (self.directory / "tsbot.toml").write_text("\n".join(lines))

    def _spawn(
        self, *arguments: str, stdin: int, output: int, session: bool = True
    ) -> subprocess.Popen[bytes]:
        ours = ("TSBOT_TARGET_", "SLACK_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        environment |= self.environment
        argv = [sys.executable, "-W", "error", "-m", "bot", *arguments]
        return subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environment,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_own_terminal if session else None,
        )


@dataclass(frozen=True)
class Running:
    """A `tsbot restore` that runs."""

    installation: Installation
    process: subprocess.Popen[bytes]
    terminal: int
    output: Path
    known: int

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Poll until a condition holds. Raises TimeoutError, also where the command ends first."""
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come to pass:\n{self.printed()}")
            time.sleep(0.05)

    def until_printed(self, text: str) -> None:
        """Poll until a text has been printed. Raises TimeoutError."""
        self.until(lambda: text in self.printed(), f"“{text}”")

    def printed(self) -> str:
        """Return what was printed so far."""
        return self.output.read_text(errors="replace")

    def type(self, text: str) -> None:
        """Type on the terminal; `\\x03` is Ctrl-C."""
        os.write(self.terminal, text.encode())

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def finish(self) -> Finished:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        code = self.process.wait(timeout=3 * WITHIN_S)
        return Finished(code, self.printed(), self.installation.log()[self.known :])


@contextmanager
def installed(
    prepared: Prepared,
    directory: Path,
    extensions: tuple[str, ...] = EXTENSIONS,
    *,
    disk: str = "",
) -> Iterator[Installation]:
    """Make a database with two applications that run and one that doesn't, named in settings.

    Container and application have Compose's labels as well: project `shop`, services `db` and
    `worker`, unique to this installation.
    """
    containers = prepared.containers.of_test()
    project = f"{containers.prefix}{directory.name}".replace("_", "-")
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "db"}
    try:
        database = containers.database(labels=labels, disk=disk)
        applications = (
            containers.application("web"),
            containers.application("worker", compose=(project, "worker")),
            containers.application("idle", running=False),
        )
        web, _, idle = (str(c.name) for c in applications)
        target: dict[str, object] = {
            "dsn": f"postgresql://postgres@{database.host}:{database.port}/postgres",
            "database": DATABASE,
            "container": database.name,
            "applications": [web, {"service": "worker", "project": project}, idle],
            "docker": os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE,
            "extensions": list(extensions),
            "strategy": "in-place",
        }
        yield Installation(database, applications, directory, database.password, target)
    finally:
        containers.close()


def age(database: DatabaseContainer, path: str, minutes: int = 1) -> str:
    """Set a file's time back, so that it is not taken for one still being written."""
    code, output = database.exec("touch", "-d", f"{minutes} minutes ago", path)
    assert code == 0, output
    return path.rpartition("/")[2]


def _own_terminal() -> None:
    """Make the terminal on standard input this process's own, so that Ctrl-C reaches it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
