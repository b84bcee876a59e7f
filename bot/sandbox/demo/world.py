"""The demo's world: PostgreSQL, containers that are processes, a workspace, and the bot in it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bot.sandbox import sample
from bot.sandbox.engine import Account, Container, ContainerSpec, EngineServer
from bot.sandbox.postgres import Server, Tree
from bot.sandbox.postgres.account import ServerFailed, server_account
from bot.sandbox.slack import SlackServer, Workspace
from bot.sandbox.slack.seed import SAMPLE, seeded
from bot.sandbox.timescaledb.container import container_argv, container_env

CHANNEL = "ops"
REQUESTER, APPROVER = "ana", "ben"
TARGET = "plant"
"""The target's name in the demo's settings."""

BOT_TOKEN, APP_TOKEN = "xoxb-sandbox", "xapp-sandbox"
GRACE = 3
"""Seconds between approval and start: long enough to see, short enough to wait for."""

_READY, _POLL = 30.0, 0.05
"""Seconds PostgreSQL has to answer, and between two looks."""

_BOT_STOP = 20
"""Seconds the bot has to end a run before it is killed."""


@dataclass(frozen=True, slots=True)
class World:
    """All that runs.

    Args:
        workspace: people and channels.
        slack: its server, with the page.
        dumps: what can be restored.
        bot: the bot's process.
        settings: the bot's tsbot.toml.
        environment: the bot's variables, secrets among them.
        audit: its audit log.
    """

    workspace: Workspace
    slack: SlackServer
    dumps: sample.Dumps
    bot: Container
    settings: Path
    environment: dict[str, str]
    audit: Path


@contextmanager
def world(*, port: int = 0, workers_deaf: bool = False) -> Iterator[World]:
    """Set everything up, and leave nothing running and nothing behind.

    Args:
        port: of the workspace's page, a free one where 0.
        workers_deaf: TimescaleDB's workers hear no START, so that only a restart of PostgreSQL
            brings them back.

    Raises:
        ServerFailed: PostgreSQL could not be set up.
        WheelMissing: PostgreSQL's wheel is not installed.
        OSError: a file or a socket could not be made.
    """
    with ExitStack() as stack:
        # Sockets lie in it, and their paths are short: not below a deep TMPDIR.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tsbot-", dir="/tmp")))
        home.chmod(0o755)  # PostgreSQL's user passes through it
        server = Server.create(Tree.copy_to(home / "pg"), home / "db")
        backups = home / "backup"
        engine = stack.enter_context(EngineServer(home / "docker.sock"))
        engine.add(_database(server, deaf=workers_deaf))
        _wait_for(server)
        dumps = sample.create(server, backups)
        for role in ("writer", "reader"):
            engine.add(_application(role, server))
        workspace = seeded(SAMPLE)
        slack = stack.enter_context(SlackServer(workspace, port=port))
        settings, audit = home / "tsbot.toml", home / "audit.db"
        settings.write_text(_settings(workspace, slack, engine, server, backups, audit), "utf-8")
        environment = {
            **container_env(server),
            "TSBOT_CONFIG": str(settings),
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            f"TSBOT_TARGET_{TARGET.upper()}_PASSWORD": server.password,
        }
        made = engine.add(_bot(environment))
        workspace.wait_for(lambda: slack.sockets.connections > 0, 30, what="the bot")
        yield World(workspace, slack, dumps, made, settings, environment, audit)


def _database(server: Server, *, deaf: bool) -> ContainerSpec:
    account = server_account()
    return ContainerSpec(
        "plant-db",
        container_argv(server, deaf=deaf),
        env=container_env(server),
        users={"postgres": Account(account.pw_uid, account.pw_gid)},
        stop_signal="SIGINT",
        stop_timeout=10,
        path_dirs=(str(server.tree.bin),),
    )


def _application(role: str, server: Server) -> ContainerSpec:
    return ContainerSpec(
        f"plant-{role}",
        (sys.executable, "-m", "bot.sandbox.demo.application", role),
        env={**container_env(server), "DEMO_DSN": server.dsn(sample.DATABASE)},
        stop_timeout=5,
    )


def _bot(environment: dict[str, str]) -> ContainerSpec:
    """The bot is a container too, so that it ends with the engine whatever happens."""
    argv = (sys.executable, "-m", "bot", "run")
    return ContainerSpec("tsbot", argv, env=environment, stop_timeout=_BOT_STOP)


def _settings(
    workspace: Workspace,
    slack: SlackServer,
    engine: EngineServer,
    server: Server,
    backups: Path,
    audit: Path,
) -> str:
    """Return the bot's tsbot.toml; nothing in it says that this is no real world."""
    return f"""\
[slack]
api_url = "{slack.api_url}"
channels = ["{workspace.channel(CHANNEL).id}"]
requesters = ["*"]

[approval]
approvers = ["{workspace.usergroup("dba").id}"]
grace = "{GRACE}s"

[audit]
path = "{audit}"

[targets.{TARGET}]
docker = "{engine.url}"
container = "plant-db"
dsn = "postgresql://postgres@127.0.0.1:{server.port}/postgres"
database = "{sample.DATABASE}"
applications = ["plant-writer", "plant-reader"]
backup_dir = "{backups}"
extensions = ["timescaledb", "vector", "plpgsql"]
"""


def _wait_for(server: Server) -> None:
    """Poll until PostgreSQL lets somebody in.

    Raises:
        ServerFailed: it does not within the time.
    """
    deadline = time.monotonic() + _READY
    while True:
        try:
            psycopg.connect(server.local_dsn(), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL does not answer: {error}") from error
            time.sleep(_POLL)
        else:
            return
