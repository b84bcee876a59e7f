"""What the rest of the program sees of the settings: frozen, complete, secrets hidden in repr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import SecretStr

from bot.core.approvals import ApprovalRules
from bot.core.codec import to_json
from bot.core.errors import SettingsInvalid
from bot.core.models import Target
from bot.core.redaction import is_word_of
from bot.settings.dsn import parse, password_of

Mode = Literal["socket", "http"]


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """How to reach Slack and who may talk to the bot.

    Args:
        mode: ``socket`` (Socket Mode) or ``http`` (Events API with signed requests).
        api_url: base of the Web API, ends with ``/``.
        channels: ids of the channels in which commands are allowed.
        requesters: user and usergroup ids, or ``*``.
        http_host: where HTTP mode listens.
        http_port: the same; 0 takes any free port.
        bot_token: empty where none is set, as are the other two; see ``Settings.require_slack``.
    """

    mode: Mode
    api_url: str
    channels: tuple[str, ...]
    requesters: tuple[str, ...]
    http_host: str
    http_port: int
    bot_token: SecretStr
    app_token: SecretStr
    signing_secret: SecretStr


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """A Docker engine; the three paths are set together or not at all."""

    url: str
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """One target with what may not be shown.

    Args:
        target: everything that may be shown.
        dsn: URI of the maintenance database, password included where there is one.
        maintenance_database: its name, never the target's own.
        docker: the engine that runs the target's containers.
    """

    target: Target
    dsn: SecretStr
    maintenance_database: str
    docker: DockerSettings

    @property
    def password(self) -> str:
        """The password in the DSN, empty where it has none."""
        return password_of(self.dsn.get_secret_value())

    @property
    def shown(self) -> str:
        """All words that may be shown."""
        server = parse(self.dsn.get_secret_value())
        return f"{server.user} {server.host} {server.database} {to_json(self.target)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, valid as a whole.

    Args:
        path: the file they came from.
        slack: the workspace; its tokens may be missing.
        approval: the rules of the gate.
        audit_path: the audit database.
        witness: where the log's heads go too, a path or an address; empty is nowhere.
        targets: by name.
        warnings: what works but is not wise, one sentence each.
    """

    path: Path
    slack: SlackSettings
    approval: ApprovalRules
    audit_path: Path
    targets: Mapping[str, TargetSettings]
    warnings: tuple[str, ...] = ()
    witness: str = ""

    def require_slack(self) -> None:
        """Check what only the Slack side needs; the command line works without.

        Raises:
            SettingsInvalid: with one line for each thing missing.
        """
        socket = self.slack.mode == "socket"
        needed = (
            (self.slack.bot_token, "SLACK_BOT_TOKEN", "the bot token (xoxb-…)"),
            (self.slack.app_token, "SLACK_APP_TOKEN", "the app-level token (xapp-…)")
            if socket
            else (self.slack.signing_secret, "SLACK_SIGNING_SECRET", "the app's signing secret"),
        )
        missing = [
            f'{name}: missing; mode = "{self.slack.mode}" needs {what}, here or in {name}_FILE'
            for secret, name, what in needed
            if not secret.get_secret_value()
        ]
        if not self.slack.channels:
            missing.append("slack.channels: empty; name at least one channel id for the commands")
        if not self.approval.approvers:
            missing.append("approval.approvers: empty; without approvers no restore can start")
        if missing:
            raise SettingsInvalid("\n".join(missing))


def mistakable(targets: Mapping[str, TargetSettings]) -> frozenset[str]:
    """Return the names of the targets whose password is a word of what may be shown of any.

    Removed from the log it would take names along that a run is taken up again by.
    """
    shown = " ".join(target.shown for target in targets.values())
    return frozenset(name for name, t in targets.items() if is_word_of(t.password, shown))


def secret_values(settings: Settings) -> tuple[str, ...]:
    """Return every secret in each form it may be printed in, longest first, for the redactor.

    A password that is a name in the settings too is left out: `Settings.warnings` tells of it.
    """
    mistaken = mistakable(settings.targets)
    slack = settings.slack
    found = {s.get_secret_value() for s in (slack.bot_token, slack.app_token, slack.signing_secret)}
    if not settings.witness.startswith("/"):
        found.add(settings.witness)  # the address of a webhook is often all that is needed to post
    for name, target in settings.targets.items():
        password = target.password
        if password and name not in mistaken:
            found |= {target.dsn.get_secret_value(), password, quote(password, safe="")}
    return tuple(sorted(found - {""}, key=lambda value: (-len(value), value)))
