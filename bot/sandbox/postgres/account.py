"""Whom PostgreSQL runs as: the current user, or a powerless one where that is root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOTS_SERVER_USER = "nobody"
"""PostgreSQL refuses to run as root, so root runs it as this user."""


class ServerFailed(Exception):
    """PostgreSQL could not be set up, started or stopped."""


def server_account() -> pwd.struct_passwd:
    """Return the operating system's user that servers run as.

    Raises:
        ServerFailed: it is not in the system's list of users, which initdb needs.
    """
    name = ROOTS_SERVER_USER if os.geteuid() == 0 else None
    try:
        return pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        raise ServerFailed(
            f"the system knows no user {name or os.geteuid()}, and PostgreSQL's initdb needs "
            "a name: add the user to /etc/passwd"
        ) from None


def socket_clients() -> frozenset[str]:
    """Return the operating system's users that the socket lets in."""
    mine = pwd.getpwuid(os.geteuid()).pw_name
    return frozenset({mine, server_account().pw_name})


def spawn(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program as the server's user, in a directory that user can enter."""
    account = server_account()
    if os.geteuid() != 0:
        return subprocess.Popen(argv, env=dict(env), cwd="/", stdout=stdout, stderr=stderr)
    return subprocess.Popen(
        argv,
        env=dict(env),
        cwd="/",
        stdout=stdout,
        stderr=stderr,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )


def is_running(pid: int, data: Path) -> bool:
    """Whether a process is a running PostgreSQL of this data directory; ids are used again."""
    if Path("/proc/self").exists():
        with suppress(OSError):  # it has ended
            return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False
    argv = ("ps", "-o", "args=", "-p", str(pid))
    return os.fsencode(data) in subprocess.run(argv, capture_output=True, check=False).stdout
