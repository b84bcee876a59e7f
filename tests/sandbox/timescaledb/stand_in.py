"""A server with the stand-in's workers, run as a container of the sandbox would run it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from bot.sandbox.postgres import Server, Tree
from bot.sandbox.timescaledb.container import container_argv, container_env

LAUNCHER = "TimescaleDB Background Worker Launcher"
SCHEDULER = "TimescaleDB Background Worker Scheduler"
WITHIN_S = 10


def until(what: str, holds: Callable[[], bool], within: float = WITHIN_S) -> None:
    """Poll until it holds; fail with *what* otherwise."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.03)


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory that the server's user can enter, unlike pytest's own, with a short path."""
    path = Path(tempfile.mkdtemp(prefix="tsbot-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


class StandIn:
    """Offers the adapter's tests what a database container does."""

    def __init__(self, directory: Path, *, launcher_revival: float = 60.0) -> None:
        self.server = Server.create(Tree.copy_to(directory / "tree"), directory / "pg")
        self.password = self.server.password
        self.log = directory / "log"
        self._revival = launcher_revival
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, deaf: bool = False) -> None:
        argv = container_argv(self.server, deaf=deaf, launcher_revival=self._revival)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=container_env(self.server), cwd="/", stderr=log, start_new_session=True
            )
        try:
            until("PostgreSQL answers", self.answers)
        except AssertionError:
            self.stop(signal.SIGTERM)
            raise AssertionError(self.log.read_text("utf-8")) from None

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(WITHIN_S)

    def kill(self) -> None:
        """End the main process so that it cannot end what it has started."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(WITHIN_S)

    def restart(self, *, deaf: bool = False) -> None:
        self.stop()
        self.start(deaf=deaf)

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        return make_conninfo(self.server.dsn(), dbname=dbname, user=user, connect_timeout=5)

    @contextlib.contextmanager
    def connect(self, dbname: str = "postgres") -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.dsn(dbname), autocommit=True) as connection:
            yield connection

    def rows(
        self, dbname: str, query: LiteralString, params: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        with self.connect(dbname) as connection:
            return connection.execute(query, params).fetchall()

    def exec(self, *argv: str) -> tuple[int, str]:
        done = subprocess.run(
            argv, env=container_env(self.server), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def workers(self, application: str, dbname: str) -> int:
        [(count,)] = self.rows(
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = %s",
            [application, dbname],
        )
        return int(count)

    def schedules(self, dbname: str) -> bool:
        return self.workers(SCHEDULER, dbname) == 1
