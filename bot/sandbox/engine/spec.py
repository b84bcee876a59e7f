"""What a container is made from: data alone."""

from __future__ import annotations

import os
import pwd
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from bot.sandbox.engine.faults import NoSuchUser, bad_request

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a process runs as on this machine."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> Self:
        """The account of this process."""
        return cls(os.geteuid(), os.getegid())

    @classmethod
    def unprivileged(cls) -> Self:
        """``nobody`` where this is root, the current account otherwise.

        Raises:
            KeyError: this is root, and the machine has no ``nobody``.
        """
        if os.geteuid() != 0:
            return cls.current()
        entry = pwd.getpwnam(_NOBODY)
        return cls(entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be: one local process, and how execs beside it are run.

    Args:
        name: as Docker allows names.
        argv: the main process; its program is looked for as Docker does, in PATH.
        env: the whole environment but for PATH, HOME and HOSTNAME; nothing is inherited.
        labels: shown and filtered by.
        image: a name to show; there are no images.
        user: whom the main process and execs run as unless told; empty means root.
        users: the container's table of users. ``root`` is the current account unless listed.
        stop_signal: a name such as SIGINT.
        stop_timeout: seconds until a stop kills; None is the engine's own 10.
        workdir: an absolute directory of this machine: there is no root directory of its own.
        path_dirs: directories in front of PATH.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    image: str = "tsbot-sandbox"
    user: str = ""
    users: Mapping[str, Account] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    stop_timeout: int | None = None
    workdir: str = "/"
    path_dirs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no engine would take, early. Raises ValueError or EngineFault."""
        signal_number(self.stop_signal)
        if not is_name(self.name):
            raise ValueError(f"{self.name!r} is no name for a container")
        if not self.argv:
            raise ValueError(f"the container {self.name} has nothing to run")

    @property
    def stop_number(self) -> int:
        """The number of the signal that stops it."""
        return signal_number(self.stop_signal)

    def environment(self) -> dict[str, str]:
        """Return the environment of the main process, without what depends on the container."""
        system = self.env.get("PATH", os.pathsep.join(SYSTEM_PATH))
        path = os.pathsep.join([*self.path_dirs, system])
        return {"HOME": "/", **self.env, "PATH": path}

    def account(self, user: str = "") -> Account:
        """Return whom a process runs as that asks for a user by name or number, with or without a
        group; the group of the account counts.

        Raises:
            NoSuchUser: it is not in the table, or a number that only root could use.
        """
        name = (user or self.user or "root").partition(":")[0]
        table = {"root": Account.current(), **self.users}
        known = table | {str(account.uid): account for account in table.values()}
        if name in known:
            return known[name]
        if name == "0":
            return table["root"]
        if name.isascii() and name.isdigit() and os.geteuid() == 0:
            return Account(int(name), 0)  # as Docker does with a number it does not know
        raise NoSuchUser(name)


def is_name(name: str) -> bool:
    """Tell whether Docker would take it as a container's name."""
    return _NAME.fullmatch(name) is not None


def signal_number(name: str) -> int:
    """Return a signal's number by its name, with or without SIG, or by its number.

    Raises:
        EngineFault: there is no such signal.
    """
    try:
        if name.isascii() and name.isdigit():
            return signal.Signals(int(name))
        return signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
    except (KeyError, ValueError) as error:
        raise bad_request(f"Invalid signal: {name}") from error
