"""conversations.*: what a channel is, who is in it, what stands in it."""

from __future__ import annotations

from bot.sandbox.slack.api.arguments import ApiError, Call, invalid
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.channels import Channel, Message
from bot.sandbox.slack.people import Json

READ = ("channels:read", "groups:read", "im:read")
HISTORY = ("channels:history", "groups:history", "im:history")


def _scope(call: Call, channel: Channel, what: str) -> None:
    """Demand the scope for this kind of channel: channels:…, groups:… or im:…"""
    prefix = "im" if channel.is_im else "groups" if channel.is_private else "channels"
    call.require_scope(f"{prefix}:{what}")


@method("conversations.list", *READ)
def conversations_list(call: Call) -> Json:
    """List the channels the caller can see; `types` as in Slack, public_channel by default."""
    types = call.text("types", "public_channel").split(",")
    me = call.token.user_id
    visible = [
        channel.as_json(me)
        for channel in call.workspace.channels.values()
        if not channel.is_im
        and ("private_channel" if channel.is_private else "public_channel") in types
        and (not channel.is_private or me in channel.members)
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    channels, cursor = call.page(visible)
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


@method("conversations.info", *READ)
def conversations_info(call: Call) -> Json:
    """Describe a channel and whether the caller is in it."""
    channel = call.channel()
    _scope(call, channel, "read")
    shown = channel.as_json(call.token.user_id)
    if call.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


@method("conversations.members", *READ)
def conversations_members(call: Call) -> Json:
    """List a channel's members by id, page by page."""
    channel = call.channel()
    _scope(call, channel, "read")
    members, cursor = call.page(channel.members)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


@method("conversations.history", *HISTORY)
def conversations_history(call: Call) -> Json:
    """Return a channel's messages, newest first, without thread replies."""
    channel = call.joined_channel()
    _scope(call, channel, "history")
    return _messages(call, channel, channel.timeline()[::-1])


@method("conversations.replies", *HISTORY)
def conversations_replies(call: Call) -> Json:
    """Return a message and its thread, oldest first."""
    channel = call.joined_channel()
    _scope(call, channel, "history")
    parent = channel.messages.get(call.text("ts"))
    if parent is None:
        raise ApiError("thread_not_found")
    return _messages(call, channel, [parent, *channel.thread(parent.ts)])


def _messages(call: Call, channel: Channel, candidates: list[Message]) -> Json:
    chosen = [message for message in candidates if _within(call, message.ts)]
    page, cursor = call.page(chosen, most=999)
    answer: Json = {
        "messages": [channel.message_json(m, call.workspace.team_id) for m in page],
        "has_more": bool(cursor),
        "pin_count": 0,
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _within(call: Call, ts: str) -> bool:
    """Tell whether a message lies between oldest and latest; the ends count if inclusive."""
    oldest, latest = _time(call, "oldest"), _time(call, "latest")
    moment = _stamp(ts)
    on_edge = call.flag("inclusive") and moment in (oldest, latest)
    inside = (oldest is None or moment > oldest) and (latest is None or moment < latest)
    return on_edge or inside


def _time(call: Call, name: str) -> int | None:
    value = call.text(name, "")
    if value in ("", "0", "now"):
        return None
    if not value.replace(".", "", 1).isdecimal():
        raise invalid(f"invalid timestamp [json-pointer:/{name}]")
    return _stamp(value)


def _stamp(ts: str) -> int:
    """Return a message timestamp in microseconds; float would round the last digit."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds or 0) * 1_000_000 + int(fraction.ljust(6, "0")[:6])
