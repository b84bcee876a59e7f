"""The Slack app manifest, made from the tables the listeners are registered from.

Fields and limits: Slack's app manifest reference, https://docs.slack.dev/reference/app-manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import yaml

from bot.core.errors import SettingsInvalid
from bot.core.permissions import COMMANDS, CommandSpec

NAME = "tsbot"
DESCRIPTION = "Approved, audited restores of TimescaleDB that end with automatic refresh working"

SCOPES: Mapping[str, str] = {
    "commands": "take slash commands",
    "chat:write": "post the gate, the progress card and answers in threads",
    "reactions:read": "learn of ✅ and ❌, and read them again before acting",
    "reactions:write": "put ✅ and ❌ under the gate message to click on",
    "users:read": "tell members from bots, guests, strangers and deactivated accounts",
    "usergroups:read": "know who belongs to a group of requesters or approvers",
    "app_mentions:read": "take `@tsbot cancel` in threads, where slash commands do not work",
    "channels:read": "check that the bot is a member of its public channels",
    "groups:read": "the same for private channels",
    "channels:history": "read the gate message back: its text must be what was posted",
    "groups:history": "the same in private channels",
}
"""Bot scopes and what each is for; ``tsbot check`` compares them with the token's."""

APP_TOKEN_SCOPES: Mapping[str, str] = {
    "connections:write": "open Socket Mode; belongs to the app-level token, not to the manifest",
}

BOT_EVENTS: tuple[str, ...] = ("reaction_added", "reaction_removed", "app_mention")
"""Each needs a listener: a subscribed event without one is answered 404 and sent again."""

HTTP_PATH = "/slack/events"
"""Where HTTP mode takes commands, events and interactions alike."""


def manifest_yaml(base_url: str = "") -> str:
    """Return the manifest as YAML, to paste into Slack's "Create an app from a manifest".

    Args:
        base_url: https address under which Slack reaches the bot; empty for Socket Mode.

    Raises:
        SettingsInvalid: where the address is not one Slack would call.
    """
    text: str = yaml.safe_dump(
        manifest(base_url), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    return text


def manifest(base_url: str = "") -> dict[str, object]:
    """Return the manifest as plain data; see ``manifest_yaml``."""
    url = _request_url(base_url) if base_url else ""
    at_url = {"request_url": url} if url else {}
    return {
        "_metadata": {"major_version": 1},
        "display_information": {"name": NAME, "description": DESCRIPTION},
        "features": {
            "app_home": {"home_tab_enabled": False, "messages_tab_enabled": False},
            "bot_user": {"display_name": NAME, "always_online": True},
            "slash_commands": [_command(spec, url) for spec in COMMANDS],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**at_url, "bot_events": list(BOT_EVENTS)},
            "interactivity": {"is_enabled": True, **at_url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def _command(spec: CommandSpec, url: str) -> dict[str, object]:
    """Describe one command; escaping makes ``/audit @user`` arrive as an id, not as a name."""
    hint = {"usage_hint": spec.usage} if spec.usage else {}
    at_url = {"url": url} if url else {}
    return {
        "command": spec.name,
        "description": spec.description,
        **hint,
        **at_url,
        "should_escape": True,
    }


def _request_url(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise SettingsInvalid(
            f"base URL = {base_url}: must be an https:// address that Slack can reach, "
            "such as https://tsbot.example.org"
        )
    return base_url.rstrip("/") + HTTP_PATH
