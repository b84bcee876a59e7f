"""auth.test, bots.info and apps.connections.open."""

from __future__ import annotations

import uuid

from bot.sandbox.slack.api.arguments import ApiError, Call
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.people import Json


@method("auth.test", kind="any")
def auth_test(call: Call) -> Json:
    """Tell who the token is."""
    workspace, token = call.workspace, call.token
    identity: Json = {
        "url": f"{workspace.base_url}/",
        "team": workspace.name,
        "team_id": workspace.team_id,
        "is_enterprise_install": False,
    }
    if token.kind == "app":
        return identity | {"app_id": workspace.app_id, "app_name": "tsbot"}
    user = workspace.users[token.user_id]
    return identity | {"user": user.name, "user_id": user.id, "bot_id": token.bot_id}


@method("bots.info", "users:read")
def bots_info(call: Call) -> Json:
    """Describe a bot by its bot id."""
    wanted = call.text("bot", call.token.bot_id)
    for token in call.workspace.tokens.values():
        if token.bot_id == wanted and token.kind == "bot":
            user = call.workspace.users[token.user_id]
            return {
                "bot": {
                    "id": wanted,
                    "deleted": user.deleted,
                    "name": user.name,
                    "app_id": call.workspace.app_id,
                    "user_id": user.id,
                }
            }
    raise ApiError("bot_not_found")


@method("apps.connections.open", "connections:write", kind="app")
def connections_open(call: Call) -> Json:
    """Hand out a WebSocket address that is good for one connection."""
    ticket = uuid.uuid4().hex
    call.workspace.tickets.add(ticket)
    address = call.workspace.base_url.replace("http://", "ws://", 1)
    return {"url": f"{address}/link/?ticket={ticket}&app_id={call.workspace.app_id}"}
