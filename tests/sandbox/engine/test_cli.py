"""The docker command on the sandbox's engine, as an operator would try it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.sandbox.engine import EngineServer
from tests.sandbox.engine.conftest import DEAF, Add
from tests.sandbox.engine.processes import eventually

pytestmark = pytest.mark.skipif(
    shutil.which("docker") is None, reason="there is no docker command: install docker-cli"
)

Docker = Callable[..., tuple[int, str, str]]


@pytest.fixture
def docker(server: EngineServer, tmp_path: Path) -> Docker:
    """Runs the docker command; returns its exit code and what it printed."""
    own = {"DOCKER_HOST": server.url, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def docker(*argv: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["docker", *argv], env=own, capture_output=True, text=True, timeout=30, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return docker


def test_the_version_says_that_it_is_a_stand_in(docker: Docker) -> None:
    code, out, _ = docker("version")
    assert code == 0
    assert "Server: tsbot sandbox engine (stand-in)" in out


def test_running_containers_are_listed(docker: Docker, add: Add) -> None:
    add("db")
    add("idle", start=False)
    assert docker("ps", "--format", "{{.Names}} {{.State}}") == (0, "db running\n", "")
    _, everything, _ = docker("ps", "-a", "--format", "{{.Names}}:{{.Status}}")
    assert everything.startswith("idle:Created\ndb:Up ")


def test_a_process_prints_on_both_outputs_and_hands_on_its_exit_code(
    docker: Docker, add: Add
) -> None:
    add("db")
    script = "echo out; echo err >&2; exit 9"
    assert docker("exec", "db", "sh", "-c", script) == (9, "out\n", "err\n")
    argv = ("exec", "-e", "A=1", "-w", "/tmp", "db", "sh", "-c", "echo $A; pwd")
    assert docker(*argv) == (0, "1\n/tmp\n", "")


def test_a_missing_program_ends_with_126(docker: Docker, add: Add) -> None:
    add("db")
    code, out, err = docker("exec", "db", "nope")
    assert code == 126
    assert 'exec: "nope": executable file not found in $PATH' in out + err


def test_a_terminal_is_refused_in_a_sentence(docker: Docker, add: Add) -> None:
    add("db")
    code, _, err = docker("exec", "-i", "db", "sh")
    assert code == 1
    assert "the tsbot sandbox engine (a stand-in) has no standard input for an exec" in err


def test_a_container_is_stopped_started_waited_for_and_removed(docker: Docker, add: Add) -> None:
    add("db", DEAF, stop_timeout=0)
    eventually(lambda: docker("logs", "db")[1] == "up\n")
    assert docker("stop", "db")[0] == 0
    assert docker("wait", "db") == (0, "137\n", "")
    assert docker("start", "db")[0] == 0
    assert docker("restart", "-t", "0", "db") == (0, "db\n", "")
    assert docker("rename", "db", "other")[0] == 0
    assert docker("rm", "-f", "other") == (0, "other\n", "")
    code, _, err = docker("stop", "other")
    assert code == 1
    assert "No such container: other" in err


def test_logs_and_state_are_shown(docker: Docker, add: Add) -> None:
    add("db", "echo out; sleep .05; echo err >&2; exit 3")
    assert docker("wait", "db")[1] == "3\n"
    assert docker("logs", "db") == (0, "out\n", "err\n")
    assert docker("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "db")[1] == "3 exited\n"
