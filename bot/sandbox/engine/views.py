"""What the engine answers, as the Engine API spells it."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.sandbox.engine.container import Container
from bot.sandbox.engine.exec import Exec

Json = dict[str, Any]

STAND_IN = "tsbot sandbox engine (stand-in)"
VERSION = "sandbox-0.1"
API_VERSION = "1.44"
"""The newest understood: Docker 29 speaks no older one, and asks for it."""
MIN_API_VERSION = "1.24"

_NETWORK, _ADDRESS = "loopback", "127.0.0.1"
"""The one network, and the one address that all processes of this machine have on it: a client
that belongs to no container looks as if it did."""

_NEVER = "0001-01-01T00:00:00Z"
_NS = 10**9
_SPANS = ((3600 * 24 * 2, 3600 * 24, "days"), (3600 * 2, 3600, "hours"), (120, 60, "minutes"))


def version() -> Json:
    """Answer ``GET /version``."""
    details = {
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": sys.platform,
        "Arch": platform.machine(),
    }
    return {
        "Platform": {"Name": STAND_IN},
        "Components": [{"Name": STAND_IN, "Version": VERSION, "Details": details}],
        "Version": VERSION,
        "KernelVersion": platform.release(),
        "GitCommit": "",
        "GoVersion": "",
        "BuildTime": "",
        **details,
    }


def info(containers: Sequence[Container]) -> Json:
    """Answer ``GET /info`` with what the docker command prints of it."""
    running = sum(container.state.running for container in containers)
    return {
        "ID": STAND_IN,
        "Name": platform.node(),
        "Containers": len(containers),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": len(containers) - running,
        "Images": 0,
        "Driver": "local processes",
        "LoggingDriver": "ring buffer",
        "ServerVersion": VERSION,
        "OperatingSystem": STAND_IN,
        "OSType": "linux",
        "Architecture": platform.machine(),
        "KernelVersion": platform.release(),
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "Plugins": {"Volume": [], "Network": [], "Authorization": None, "Log": []},
        "Swarm": {"LocalNodeState": "inactive"},
        "Warnings": [f"This is the {STAND_IN}: its containers are processes of this machine."],
    }


def row(container: Container) -> Json:
    """Return a container's row of ``GET /containers/json``."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.spec.image,
        "ImageID": _image_id(container),
        "Command": shlex.join(container.spec.argv),
        "Created": container.created // _NS,
        "Ports": [],
        "Labels": dict(container.spec.labels),
        "State": container.state.status,
        "Status": _status(container),
        "HostConfig": {"NetworkMode": _NETWORK},
        "NetworkSettings": {"Networks": _networks(container)},
        "Mounts": [],
    }


def details(container: Container) -> Json:
    """Answer ``GET /containers/{id}/json``."""
    spec = container.spec
    return {
        "Id": container.id,
        "Created": rfc3339(container.created),
        "Path": spec.argv[0],
        "Args": list(spec.argv[1:]),
        "State": _state(container),
        "Image": _image_id(container),
        "Name": f"/{container.name}",
        "RestartCount": 0,
        "Driver": "local processes",
        "Platform": "linux",
        "ExecIDs": container.exec_ids() or None,
        "HostConfig": {
            "NetworkMode": _NETWORK,
            "LogConfig": {"Type": "json-file", "Config": {}},
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        },
        "Mounts": [],
        "Config": {
            "Hostname": container.id[:12],
            "User": spec.user,
            "Tty": False,
            "OpenStdin": False,
            "Env": [f"{key}={value}" for key, value in spec.environment().items()],
            "Cmd": list(spec.argv),
            "Entrypoint": None,
            "Image": spec.image,
            "WorkingDir": spec.workdir,
            "Labels": dict(spec.labels),
            "StopSignal": spec.stop_signal,
            **({} if spec.stop_timeout is None else {"StopTimeout": spec.stop_timeout}),
        },
        "NetworkSettings": {"Ports": {}, "Networks": _networks(container)},
    }


def exec_details(each: Exec) -> Json:
    """Answer ``GET /exec/{id}/json``."""
    config = each.config
    user = {"user": config.user} if config.user else {}
    return {
        "ID": each.id,
        "Running": each.running,
        "ExitCode": each.exit_code,
        "ProcessConfig": {
            "tty": False,
            "entrypoint": config.argv[0],
            "arguments": list(config.argv[1:]),
            "privileged": False,
            **user,
        },
        "OpenStdin": False,
        "OpenStderr": config.stderr,
        "OpenStdout": config.stdout,
        "CanRemove": False,
        "ContainerID": each.container_id,
        "DetachKeys": "",
        "Pid": each.pid,
    }


def rfc3339(at: int) -> str:
    """Write nanoseconds since 1970 as Docker does, to the nanosecond; 0 is never."""
    if at == 0:
        return _NEVER
    seconds, rest = divmod(at, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _networks(container: Container) -> Json:
    """Where it is reached; as with Docker, a container that does not run has no address."""
    address = _ADDRESS if container.state.running else ""
    return {_NETWORK: {"IPAddress": address, "GlobalIPv6Address": ""}}


def _state(container: Container) -> Json:
    state = container.state
    return {
        "Status": state.status,
        "Running": state.running,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339(state.started),
        "FinishedAt": rfc3339(state.finished),
    }


def _status(container: Container) -> str:
    state = container.state
    if state.status == "created":
        return "Created"
    if state.running:
        return f"Up {_span(state.started)}"
    return f"Exited ({state.exit_code}) {_span(state.finished)} ago"


def _span(since: int) -> str:
    seconds = (time.time_ns() - since) // _NS
    if seconds < 1:
        return "Less than a second"
    for least, unit, name in _SPANS:
        if seconds >= least:
            return f"{seconds // unit} {name}"
    if seconds >= 3600:
        return "About an hour"
    if seconds >= 60:
        return "About a minute"
    return f"{seconds} second" + "s" * (seconds != 1)


def _image_id(container: Container) -> str:
    return f"sha256:{hashlib.sha256(container.spec.image.encode()).hexdigest()}"
