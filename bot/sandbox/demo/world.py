"""The demo's world: PostgreSQL, containers that are processes, a workspace, and the bot in it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bot.sandbox import sample
from bot.sandbox.demo.place import NoPlace, home
from bot.sandbox.demo.stop import Stop
from bot.sandbox.engine import Account, Container, ContainerSpec, EngineFault, EngineServer
from bot.sandbox.engine.logs import LogQuery
from bot.sandbox.postgres import Server, ServerFailed, Tree, WheelMissing
from bot.sandbox.postgres.account import server_account
from bot.sandbox.slack import SlackServer, Workspace
from bot.sandbox.slack.seed import SAMPLE, seeded
from bot.sandbox.timescaledb.container import container_argv, container_env

CHANNEL = "ops"
REQUESTER, APPROVER = "ana", "ben"
WRITER, READER = "plant-writer", "plant-reader"
TARGET = "plant"
"""The target's name in the demo's settings."""

BOT_TOKEN, APP_TOKEN = "xoxb-sandbox", "xapp-sandbox"
GRACE = 3
"""Seconds between approval and start: long enough to see, short enough to wait for."""

_READY, _POLL = 60.0, 0.05
"""Seconds PostgreSQL and the bot each have to be there, and between two looks."""

_BOT_STOP = 3
"""Seconds the bot has to end before it is killed: in the demo, no run is worth waiting for."""

_TAIL = 12
"""Lines shown of a log where something has ended that should not have."""


class DemoFailed(Exception):
    """The demo cannot be set up, or has broken; the sentence says why."""


@dataclass(frozen=True, slots=True)
class World:
    """All that runs.

    Args:
        workspace: people and channels.
        slack: its server, with the page.
        engine: the containers: plant-db, plant-writer, plant-reader, and the bot.
        dumps: what can be restored.
        bot: the bot's process.
        settings: the bot's tsbot.toml.
        environment: the bot's variables, secrets among them.
        audit: its audit log.
    """

    workspace: Workspace
    slack: SlackServer
    engine: EngineServer
    dumps: sample.Dumps
    bot: Container
    settings: Path
    environment: dict[str, str]
    audit: Path

    def application(self, name: str) -> Container:
        """Return WRITER's or READER's container. Raises EngineFault where it is gone."""
        return self.engine.engine.find(name)

    def check(self) -> None:
        """Go on while the bot runs. Raises DemoFailed with its last words where it has ended."""
        _check_running(self.bot)


@contextmanager
def world(
    *,
    port: int = 0,
    workers_deaf: bool = False,
    stop: Stop | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Set everything up, and leave nothing running and nothing behind.

    Args:
        port: of the workspace's page, a free one where 0.
        workers_deaf: TimescaleDB's workers hear no START until the database's container has been
            restarted.
        stop: asked between the steps.
        tell: told each step before it is done.

    Raises:
        DemoFailed: something could not be set up.
        BrokenPipeError: nobody reads what *tell* prints.
        KeyboardInterrupt: *stop* was asked for.
    """
    stop = stop or Stop()
    with ExitStack() as stack:
        try:
            made = _set_up(stack, port, workers_deaf, _Steps(stop, tell))
        except BrokenPipeError:  # the reader has seen enough, as in: tsbot demo | head
            raise
        except (ServerFailed, WheelMissing, NoPlace, EngineFault, OSError, psycopg.Error) as error:
            stop.check()  # at a terminal Ctrl-C also reaches programs that were just at work
            raise DemoFailed(str(error)) from error
        yield made


@dataclass(frozen=True, slots=True)
class _Steps:
    stop: Stop
    tell: Callable[[str], None]

    def begin(self, what: str) -> None:
        self.stop.check()
        self.tell(what)


def _set_up(stack: ExitStack, port: int, deaf: bool, steps: _Steps) -> World:
    steps.begin("a workspace like Slack, with a page (stand-in)")
    workspace = seeded(SAMPLE)
    slack = _serving(workspace, port)
    stack.callback(slack.stop)
    place = stack.enter_context(home())
    steps.begin(f"PostgreSQL (real), below {place}")
    server = Server.create(Tree.copy_to(place / "pg"), place / "db")
    steps.begin("an engine like Docker, whose containers are processes (stand-in)")
    engine = stack.enter_context(EngineServer(place / "docker.sock"))
    database = engine.add(_database(server, deaf=deaf))
    database.spec = _database(server)  # from its next start on: a restart is the cure
    _wait_for(server, database, steps.stop)
    steps.begin("sample data, in a stand-in for TimescaleDB, and three dumps of it")
    dumps = sample.create(server, place / "backup")
    steps.begin("two applications that use the database, and the bot (both real)")
    for name in (WRITER, READER):
        engine.add(_application(name, server))
    settings, audit = place / "tsbot.toml", place / "audit.db"
    text = _settings(workspace, slack, engine, server, place / "backup", audit)
    settings.write_text(text, "utf-8")
    environment = {
        **container_env(server),
        "TSBOT_CONFIG": str(settings),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        f"TSBOT_TARGET_{TARGET.upper()}_PASSWORD": server.password,
    }
    bot = engine.add(_bot(environment))
    _until(lambda: slack.sockets.connections > 0, bot, steps.stop, "the bot does not connect")
    return World(workspace, slack, engine, dumps, bot, settings, environment, audit)


def _serving(workspace: Workspace, port: int) -> SlackServer:
    """Open the page's port, first of all: it is what others may have taken."""
    server = SlackServer(workspace, port=port)
    try:
        return server.start()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        advice = "choose another with --port, or leave it out for a free one"
        raise DemoFailed(f"port {port} cannot be used ({why.lower()}): {advice}") from error


def _database(server: Server, *, deaf: bool = False) -> ContainerSpec:
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


def _application(name: str, server: Server) -> ContainerSpec:
    role = name.removeprefix(f"{TARGET}-")
    return ContainerSpec(
        name,
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
applications = ["{WRITER}", "{READER}"]
backup_dir = "{backups}"
extensions = ["timescaledb", "vector", "plpgsql"]
strategy = "swap"
"""


def _wait_for(server: Server, container: Container, stop: Stop) -> None:
    """Wait until PostgreSQL lets somebody in. Raises DemoFailed where it does not."""
    _until(lambda: _answers(server), container, stop, "PostgreSQL does not answer")


def _answers(server: Server) -> bool:
    try:
        psycopg.connect(server.local_dsn(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _until(holds: Callable[[], bool], container: Container, stop: Stop, otherwise: str) -> None:
    """Poll, as long as a container runs that it depends on."""
    deadline = time.monotonic() + _READY
    while not holds():
        _check_running(container)
        if time.monotonic() > deadline:
            raise DemoFailed(f"{otherwise}{_last_words(container)}")
        stop.wait(_POLL)


def _check_running(container: Container) -> None:
    state = container.state
    if not state.running:
        ended = f"{container.name} has ended with {state.exit_code}"
        raise DemoFailed(f"{ended}{_last_words(container)}")


def _last_words(container: Container) -> str:
    """Return the end of its log, as an end of a sentence."""
    lines = container.log.read(LogQuery(frozenset({1, 2}), tail=_TAIL))
    said = [line.data.decode(errors="replace").rstrip() for line in lines]
    if not said:
        return f", and {container.name} has said nothing"
    return "\n  | ".join([f"; the last lines of {container.name}:", *said])
