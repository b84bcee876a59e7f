"""A Docker engine of the test's own, to be stopped and started: its own socket, data and bridge."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker import DockerClient

WITHIN_S = 40
NEEDS = "dockerd, ip and root: another engine needs a bridge of its own"


def missing() -> bool:
    """Whether this machine cannot run another engine."""
    tools = ("dockerd", "ip")
    return os.geteuid() != 0 or not all(shutil.which(tool) for tool in tools)


@dataclass
class OwnEngine:
    """An engine that is not the one the other tests use.

    Args:
        directory: for its socket, its data and its log; short, for a socket's path is cut.
        bridge: its network interface. Never `none`: such an engine removes the machine's docker0.
    """

    directory: Path
    bridge: str
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"unix://{self.directory}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers. Raises TimeoutError."""
        at = self.directory
        with (at / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    *("--bridge", self.bridge, "--iptables=false", "--ip-masq=false"),
                    *("--data-root", at / "data", "--exec-root", at / "exec"),
                    *("--pidfile", at / "pid", "--host", self.url),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError((at / "dockerd.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it as a service manager does, its containers with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(WITHIN_S)

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    def client(self) -> DockerClient:
        """Return a client; close it."""
        return docker.DockerClient(self.url, timeout=60)

    def _answers(self) -> bool:
        """Ask by hand: the library leaves a socket that cannot connect to the collector."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(self.url.removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(100)
        return False


@contextmanager
def own_engine(directory: Path) -> Iterator[OwnEngine]:
    """Run an engine with nothing in it, and leave nothing of it."""
    bridge = f"tsbt{secrets.token_hex(3)}"
    subnet = f"172.{random.randrange(28, 31)}.{random.randrange(256)}.1/24"
    _ip("link", "add", bridge, "type", "bridge")
    try:
        _ip("addr", "add", subnet, "dev", bridge)
        _ip("link", "set", bridge, "up")
        engine = OwnEngine(directory, bridge)
        try:
            engine.start()
            yield engine
        finally:
            engine.stop()
    finally:
        _ip("link", "del", bridge)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
