"""PostgreSQL with its workers as one process tree, to be run as a container's main process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import bot
from bot.sandbox.postgres.account import ServerFailed
from bot.sandbox.postgres.server import STOP_SIGNAL, Server
from bot.sandbox.postgres.tree import Tree
from bot.sandbox.timescaledb.launcher import REVIVAL, Launcher

PACKAGE = "bot.sandbox.timescaledb"

_TICK = 0.15
"""Seconds between the launcher's looks."""


def container_argv(
    server: Server, *, deaf: bool = False, launcher_revival: float = REVIVAL
) -> tuple[str, ...]:
    """Return the command of a container that is this server with TimescaleDB's workers.

    It runs as the current user, who starts PostgreSQL as the user it must be; SIGINT and SIGTERM
    stop both, and its exit code is PostgreSQL's. To start it again is to restart both.

    Args:
        server: made already.
        deaf: the workers hear no START or RESTART, so only a restart of the container helps.
        launcher_revival: seconds until a launcher that was ended comes back.
    """
    options = ("--deaf",) * deaf
    return (
        *(sys.executable, "-m", PACKAGE),
        *("--prefix", str(server.tree.prefix)),
        *("--home", str(server.home)),
        *("--port", str(server.port)),
        *("--launcher-revival", str(launcher_revival)),
        *options,
    )


def container_env(server: Server) -> dict[str, str]:
    """Return the environment for container_argv, and for programs run beside it."""
    ours = str(Path(bot.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    return {**server.env, "PYTHONPATH": path}


def run(
    prefix: Path, home: Path, port: int, *, deaf: bool = False, launcher_revival: float = REVIVAL
) -> int:
    """Run the server and its workers until a signal comes or the server ends.

    Returns:
        PostgreSQL's exit code, 1 where it could not be started.
    """
    server = Server(Tree(prefix), home, port, password="")
    asked_to_stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked_to_stop.append(number))
    try:
        process = server.start()
    except ServerFailed as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - the sentence says it all
        return 1
    launcher = Launcher(server.local_dsn(), server.data, revival=launcher_revival, deaf=deaf)
    try:
        while process.poll() is None and not asked_to_stop:
            launcher.tick()
            time.sleep(_TICK)
    finally:
        if process.poll() is None:
            process.send_signal(STOP_SIGNAL)
        code = process.wait()
        launcher.close()
    return code
