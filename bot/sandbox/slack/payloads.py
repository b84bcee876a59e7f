"""The payloads Slack sends to apps: slash commands, events, block_actions, view_submission.

Shapes as in docs.slack.dev (interactivity, Events API), trimmed to what Bolt and the bot read.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.people import Json, User

if TYPE_CHECKING:
    from bot.sandbox.slack.channels import Channel
    from bot.sandbox.slack.state import Workspace
    from bot.sandbox.slack.views import View

SLASH, EVENT, INTERACTIVE = "slash_commands", "events_api", "interactive"
VERIFICATION_TOKEN = "sandbox-verification-token"

EVENT_SCOPES = {
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "app_mention": "app_mentions:read",
}


def slash_command(workspace: Workspace, user: User, channel: Channel, line: str) -> Json:
    """Return the payload of a slash command line such as "/restore latest"."""
    command, _, text = line.partition(" ")
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": user.team_id,
        "team_domain": workspace.name,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text.strip(),
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": workspace.new_response_url(user.id, channel.id),
        "trigger_id": workspace.new_trigger(user.id),
    }


def event_callback(workspace: Workspace, event: Json) -> Json:
    """Wrap an event the way the Events API does."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{uuid.uuid4().hex}",
    }


def reaction_event(
    workspace: Workspace, kind: str, user_id: str, name: str, item: tuple[str, str]
) -> Json:
    """Return reaction_added or reaction_removed for the message `item` (channel id, ts)."""
    channel_id, ts = item
    return {
        "type": kind,
        "user": user_id,
        "reaction": name,
        "item": {"type": "message", "channel": channel_id, "ts": ts},
        "item_user": workspace.message(channel_id, ts).user,
        "event_ts": workspace.new_ts(),
    }


def block_actions(workspace: Workspace, user: User, action: Json, place: Json) -> Json:
    """Return block_actions; `place` holds container, and message or view, of the click."""
    return {
        **_interaction(workspace, user, "block_actions"),
        "state": {"values": {}},
        **place,
        "actions": [{**action, "action_ts": workspace.new_ts()}],
    }


def view_event(workspace: Workspace, user: User, view: View, kind: str) -> Json:
    """Return view_submission or view_closed for a person's modal."""
    payload = _interaction(workspace, user, kind)
    shown = view.as_json(workspace.team_id, workspace.app_id, workspace.bot_id)
    if kind == "view_closed":
        return {**payload, "view": shown, "is_cleared": False}
    return {**payload, "view": shown, "response_urls": []}


def may_hear(workspace: Workspace, event: Json) -> bool:
    """Tell whether the app gets an event: subscribed, scope granted, bot in the channel."""
    kind = event["type"]
    channel_id = event.get("channel") or event.get("item", {}).get("channel")
    bot = next(token for token in workspace.tokens.values() if token.kind == "bot")
    scope = EVENT_SCOPES.get(kind)
    return (
        kind in workspace.events
        and (scope is None or scope in bot.scopes)
        and workspace.bot_user in workspace.channel(channel_id).members
    )


def send_event(workspace: Workspace, event: Json) -> Delivery | None:
    """Send an event to the app; None when the app does not get to hear of it."""
    with workspace.lock:
        heard = may_hear(workspace, event)
    return workspace.deliveries.send(EVENT, event_callback(workspace, event)) if heard else None


def _interaction(workspace: Workspace, user: User, kind: str) -> Json:
    return {
        "type": kind,
        "team": {"id": workspace.team_id, "domain": workspace.name},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team_id,
        },
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": workspace.new_trigger(user.id),
    }
