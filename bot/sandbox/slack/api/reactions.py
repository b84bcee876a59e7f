"""reactions.add, reactions.remove and reactions.get."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.slack import reacting
from bot.sandbox.slack.api.arguments import ApiError, Call
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.api.messages import permalink_of
from bot.sandbox.slack.channels import Message
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.state import Workspace


@method("reactions.add", "reactions:write")
def reactions_add(call: Call) -> Json:
    """React to a message as the caller."""
    return _react(call, reacting.add)


@method("reactions.remove", "reactions:write")
def reactions_remove(call: Call) -> Json:
    """Take one's own reaction back."""
    return _react(call, reacting.remove)


@method("reactions.get", "reactions:read")
def reactions_get(call: Call) -> Json:
    """Return a message with its reactions; the people behind them in full only if full=true."""
    message = _item(call)
    shown = message.as_json(call.workspace.team_id)
    if message.reactions:
        shown["reactions"] = message.reactions_json(full=call.flag("full"))
    shown["permalink"] = permalink_of(call, message)
    return {"type": "message", "channel": message.channel, "message": shown}


def _item(call: Call) -> Message:
    if not call.args.get("channel") or not call.args.get("timestamp"):
        raise ApiError("no_item_specified")
    return call.message("timestamp")


def _react(call: Call, change: Callable[[Workspace, str, Message, str], Json]) -> Json:
    name = call.text("name")
    message = _item(call)
    try:
        event = change(call.workspace, call.token.user_id, message, name)
    except reacting.ReactionRefused as refused:
        raise ApiError(str(refused)) from None
    call.events.append(event)
    return {}
