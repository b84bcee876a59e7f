"""The bot as it runs, on a local workspace; its target's engine and server are not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.adapters.audit_log import AuditStore
from bot.app import base
from bot.connection import BEAT, connected
from bot.core.approvals import ApprovalRules
from bot.core.audit import Draft, Query
from bot.core.models import ContainerRef, Target
from bot.manifest import BOT_EVENTS, SCOPES
from bot.sandbox.slack import Person, Workspace
from bot.settings import DockerSettings, Settings, SlackSettings, TargetSettings
from bot.slack_app import SlackBot, slack_bot
from bot.socket_mode import QUIET

TOKENS = {
    "SLACK_BOT_TOKEN": "xoxb-sandbox",
    "SLACK_APP_TOKEN": "xapp-sandbox",
    "SLACK_SIGNING_SECRET": "sandbox-signing-secret",
}
HELP = "What you may do here"
"""How the answer to /tshelp begins."""

NOBODY = "127.0.0.1:9"  # the discard port: nobody listens there


def office() -> Workspace:
    """A workspace as the manifest sets it up: Ana asks, Ben and Cho approve, Dan looks on."""
    made = Workspace(bot_scopes=SCOPES, events=BOT_EVENTS)
    for name in ("ana", "ben", "cho", "dan"):
        made.add_user(name)
    made.add_usergroup("dba", ["ben", "cho"])
    made.add_channel("ops")
    made.add_channel("random")
    return made


def write_settings(directory: Path, api_url: str, **keys: str) -> Path:
    """Write a settings file.

    `keys`: mode, channels, requesters, approvers, quorum, audit, witness, target. Values are TOML,
    but mode, audit and witness, which are texts; target is a further line of its section.
    """
    path = directory / "tsbot.toml"
    path.write_text(
        f"""
[slack]
mode = "{keys.get("mode", "socket")}"
api_url = "{api_url}"
channels = {keys.get("channels", '["C0OPS"]')}
requesters = {keys.get("requesters", '["U0ANA"]')}
[approval]
approvers = {keys.get("approvers", '["S0DBA"]')}
quorum = {keys.get("quorum", "1")}
[audit]
path = "{keys.get("audit", directory / "audit.db")}"
witness = "{keys.get("witness", "")}"
[targets.prod]
dsn = "postgresql://postgres@{NOBODY}/postgres"
database = "ecoanp"
strategy = "in-place"
container = "ecoanp-db"
docker = "tcp://{NOBODY}"
{keys.get("target", "")}
"""
    )
    return path


def live_settings(directory: Path, api_url: str, mode: str = "socket") -> Settings:
    """The same as values."""
    slack = SlackSettings(
        mode="http" if mode == "http" else "socket",
        api_url=api_url,
        channels=("C0OPS",),
        requesters=("U0ANA",),
        http_host="127.0.0.1",
        http_port=0,
        bot_token=SecretStr(TOKENS["SLACK_BOT_TOKEN"]),
        app_token=SecretStr(TOKENS["SLACK_APP_TOKEN"]),
        signing_secret=SecretStr(TOKENS["SLACK_SIGNING_SECRET"]),
    )
    target = Target("prod", "ecoanp", ContainerRef("ecoanp-db"), "/backup")
    dsn = SecretStr(f"postgresql://postgres@{NOBODY}/postgres")
    docker = DockerSettings(f"tcp://{NOBODY}")
    targets = {"prod": TargetSettings(target, dsn, "postgres", docker)}
    audit_path = directory / "audit.db"
    return Settings(directory / "x", slack, ApprovalRules(("S0DBA",)), audit_path, targets)


@dataclass(frozen=True)
class LiveBot:
    """A bot that listens; `url` is where, empty in Socket Mode."""

    bot: SlackBot
    settings: Settings
    workspace: Workspace
    store: AuditStore
    url: str

    def commands(self) -> list[Draft]:
        """Return the commands the log knows, oldest first."""
        return [e.draft for e in self.store.log.entries(Query(action="command"))]

    def ask(self, who: str, line: str, channel: str = "ops") -> str:
        """Say a command and return the text of its answer."""
        person = Person(self.workspace, who)
        before = len(person.ephemerals(channel))
        assert person.command(line, channel).acked
        return self.next_answer(who, before, channel)

    def next_answer(self, who: str, before: int, channel: str = "ops") -> str:
        """Wait for one more answer to a person than there were before."""
        person = Person(self.workspace, who)
        self.workspace.wait_for(
            lambda: len(person.ephemerals(channel)) > before, timeout=10, what="an answer"
        )
        return person.ephemerals(channel)[before].text


@contextmanager
def live(
    settings: Settings, workspace: Workspace, beat: float = BEAT, quiet: float = QUIET
) -> Iterator[LiveBot]:
    """Run the bot until the block ends; beat and quiet in seconds."""
    with (
        base(settings) as parts,
        slack_bot(parts) as bot,
        connected(bot.app, bot.api, settings, beat=beat, quiet=quiet) as url,
    ):
        yield LiveBot(bot, settings, workspace, parts.store, url)
