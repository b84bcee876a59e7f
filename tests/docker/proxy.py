"""Runs the project's own HAProxy configuration in front of the engine the tests run on."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docker.environment import REQUIRE_VARIABLE

CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
DEFAULT_ENGINE = "unix:///var/run/docker.sock"


def haproxy() -> str:
    """Return the path of HAProxy; skip the test where there is none, or fail where it must run."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        left_out("haproxy is missing: install the package of that name, or run .ci/run as root")
    return str(program)


def engine_socket() -> str:
    """Return the path of the engine's unix socket, or leave the test out."""
    url = os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE
    if not url.startswith("unix://"):
        left_out(f"the proxy is tried in front of a unix socket, but DOCKER_HOST is {url}")
    return url.removeprefix("unix://")


@contextmanager
def running_proxy(
    containers: Sequence[str], databases: Sequence[str], engine: str | None = None
) -> Iterator[str]:
    """Run HAProxy with rules for these containers; yield the path of its socket."""
    # A unix socket's path has at most 107 bytes: pytest's own directories can be too deep.
    directory = Path(tempfile.mkdtemp(prefix="tsbot-", dir="/tmp"))
    listening = directory / "proxy.sock"
    settings = {
        "TSBOT_CONTAINERS": " ".join(containers),
        "TSBOT_DATABASES": " ".join(databases),
        "TSBOT_EXEC_USERS": "postgres",
        "TSBOT_PROXY_BIND": str(listening),
        "TSBOT_DOCKER_SOCKET": engine or engine_socket(),
    }
    with (directory / "log").open("w+") as log:
        process = subprocess.Popen(
            [haproxy(), "-db", "-f", str(CONFIG)],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_listening(process, listening, Path(log.name))
            yield str(listening)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(directory)


def _wait_until_listening(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"haproxy does not listen: {log.read_text()}")


def left_out(reason: str) -> None:
    if os.environ.get(REQUIRE_VARIABLE, "") not in ("", "0"):
        pytest.fail(f"{REQUIRE_VARIABLE} is set, but {reason}", pytrace=False)
    pytest.skip(reason)
