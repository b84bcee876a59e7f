"""One PostgreSQL server of the sandbox: made by initdb, run as a process that somebody watches.

Sessions over TCP need the password; those over the socket are let in by their operating system's
user, which only this one and the server's own may be. Nobody else on the machine gets in.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bot.sandbox.postgres.account import (
    ROOTS_SERVER_USER,
    ServerFailed,
    is_running,
    server_account,
    socket_clients,
    spawn,
)
from bot.sandbox.postgres.configuration import write_configuration
from bot.sandbox.postgres.tree import Tree

SUPERUSER = "postgres"
STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: sessions are ended, data is written."""

MAX_SOCKET_PATH = 103
"""Bytes, the smallest limit among the systems PostgreSQL runs on."""

_POLL = 0.01
_START_TIMEOUT = 20.0
_STOP_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A data directory and how its server is reached.

    Args:
        tree: the programs.
        home: the directory that holds the data directory and the socket.
        port: on 127.0.0.1, and part of the socket's name.
        password: of SUPERUSER, over TCP.
    """

    tree: Tree
    home: Path
    port: int
    password: str

    @classmethod
    def create(cls, tree: Tree, home: Path, *, port: int | None = None) -> Server:
        """Make a data directory below ``home``, which must be reachable for the server's user.

        Args:
            tree: the programs.
            home: made if missing; short, because the socket lies in it.
            port: a free one where None.

        Raises:
            ServerFailed: initdb failed; its own words are in it.
        """
        server = cls(tree, home, port or free_port(), secrets.token_urlsafe(16))
        if len(os.fsencode(server._socket)) > MAX_SOCKET_PATH:
            raise ServerFailed(f"the path is too long for a socket: {server._socket}")
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        server.data.mkdir(mode=0o700)
        owner = server_account()
        if os.geteuid() == 0:
            os.chown(home, owner.pw_uid, owner.pw_gid)
            os.chown(server.data, owner.pw_uid, owner.pw_gid)
        server._initdb()
        write_configuration(server.data, server.home, server.port, socket_clients())
        return server

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def argv(self) -> tuple[str, ...]:
        """The server alone, in the foreground, without TimescaleDB's workers."""
        return (self.tree.program("postgres"), "-D", str(self.data))

    @property
    def env(self) -> Mapping[str, str]:
        """What the server's programs need; with it psql and pg_restore find this server."""
        return {
            "PATH": f"{self.tree.bin}{os.pathsep}{os.defpath}",
            "LC_ALL": "C",
            "TZ": "UTC",
            "PGHOST": str(self.home),
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGDATABASE": SUPERUSER,
        }

    @property
    def user(self) -> str | None:
        """Whom the server runs as, None for the current user."""
        return ROOTS_SERVER_USER if os.geteuid() == 0 else None

    def dsn(self, database: str = SUPERUSER) -> str:
        """Return a URI over TCP, with the superuser's password."""
        return (
            f"postgresql://{SUPERUSER}:{quote(self.password)}@127.0.0.1:{self.port}"
            f"/{quote(database, safe='')}"
        )

    def local_dsn(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """Return a URI over the socket, as any role, for processes of this user."""
        return (
            f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}"
            f"?host={quote(str(self.home), safe='')}&port={self.port}"
        )

    def run(self, *argv: str) -> str:
        """Run one of the server's programs as the current user and return what it printed.

        Raises:
            ServerFailed: with what it said on standard error.
        """
        command = (self.tree.program(argv[0]), *argv[1:])
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server as a child and wait until it answers, about 0.1 s.

        A server that an ended sandbox has left behind on this directory is stopped first.

        Raises:
            ServerFailed: it ended, or did not answer.
        """
        process = self.spawn()
        try:
            self.wait_until_ready(process)
        except ServerFailed:
            process.kill()
            process.wait()
            raise
        return process

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server in this process's group, without waiting for it."""
        self.stop_leftover()
        return spawn(self.argv, self.env)

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the server's own word in postmaster.pid.

        Raises:
            ServerFailed: it ended, or was not ready within 20 s.
        """
        deadline = time.monotonic() + _START_TIMEOUT
        while self._state() != (process.pid, "ready"):
            code = process.poll()
            if code is not None:
                raise ServerFailed(f"PostgreSQL ended with {code}; see its messages")
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL was not ready within {_START_TIMEOUT:.0f} s")
            time.sleep(_POLL)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the server, without TimescaleDB's workers, for the time of a block."""
        process = self.start()
        try:
            yield process
        finally:
            process.send_signal(STOP_SIGNAL)
            process.wait(_STOP_TIMEOUT)

    def stop_leftover(self) -> bool:
        """Stop a server that still runs on this directory, and return whether there was one.

        Raises:
            ServerFailed: it did not stop.
        """
        pid, _ = self._state()
        if pid is None or not is_running(pid, self.data):
            return False
        deadline = time.monotonic() + _STOP_TIMEOUT
        with suppress(ProcessLookupError):
            os.kill(pid, STOP_SIGNAL)
        while is_running(pid, self.data):
            if time.monotonic() > deadline:
                raise ServerFailed(f"the old server, process {pid}, did not stop")
            time.sleep(_POLL)
        return True

    @property
    def _socket(self) -> Path:
        return self.home / f".s.PGSQL.{self.port}"

    def _state(self) -> tuple[int | None, str]:
        """Return the process id and the state: the 1st and the 8th line of postmaster.pid."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return None, ""

    def _initdb(self) -> None:
        file = self.home / "password"
        file.write_text(self.password, "utf-8")
        argv = (
            self.tree.program("initdb"),
            f"--pgdata={self.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={file}",
            "--encoding=UTF8",
            "--no-locale",
            "--auth-local=peer",
            "--auth-host=scram-sha-256",
            "--no-sync",
            "--no-instructions",
        )
        if os.geteuid() == 0:
            os.chown(file, server_account().pw_uid, -1)
        file.chmod(0o400)
        try:
            process = spawn(argv, self.env, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
            said, _ = process.communicate()
        finally:
            file.unlink()
        if process.returncode != 0:
            raise ServerFailed(f"initdb ended with {process.returncode}: {said.decode().strip()}")


def free_port() -> int:
    """Return a TCP port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
