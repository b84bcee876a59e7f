"""What one person's client shows right now, in one answer, as soon as something has changed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from bot.core.permissions import COMMANDS
from bot.sandbox.slack.channels import Channel, Ephemeral, Message
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.socket_mode import SocketHub
from bot.sandbox.slack.state import Workspace
from bot.sandbox.slack.views import View

if TYPE_CHECKING:
    from bot.sandbox.slack.acting import Person

SECONDS = 25.0


def look(
    person: Person,
    channel: str = "",
    thread: str = "",
    read: Mapping[str, str] | None = None,
    revision: int = -1,
    timeout: float = SECONDS,
) -> Json:
    """Return what a person sees, at once or when the workspace has changed.

    Args:
        person: whose eyes.
        channel: id of the channel that is open, empty for none.
        thread: ts of the message whose thread is open.
        read: ts up to which each channel was read, for the unread counts.
        revision: the workspace's revision at the last look; -1 does not wait.
        timeout: seconds after which the answer comes anyway, 25 at most.

    Raises:
        LookupError: for a channel that does not exist or that the person cannot see.
    """
    workspace = person.workspace
    with workspace.changed:
        workspace.changed.wait_for(lambda: workspace.revision != revision, min(timeout, SECONDS))
        workspace.direct_channel(person.id)  # there from the start, as on Slack
        visible = [c for c in workspace.channels.values() if _sees(c, person.id)]
        return {
            "revision": workspace.revision,
            "me": person.id,
            "app": workspace.bot_user,
            "address": workspace.base_url,
            "connected": _connected(workspace),
            "users": [asdict(user) for user in workspace.users.values()],
            "usergroups": [asdict(group) for group in workspace.usergroups.values()],
            "commands": commands(workspace),
            "channels": [_entry(c, person, (read or {}).get(c.id, "")) for c in visible],
            "modal": _view(person.modal),
            "home": _view(person.home),
            **(_opened(workspace, person.id, channel, thread) if channel else {}),
        }


def commands(workspace: Workspace) -> list[Json]:
    """Return the app's slash commands as Slack lists them while somebody types."""
    return [
        {"name": spec.name, "usage": spec.usage, "description": spec.description}
        for spec in COMMANDS
        if workspace.commands is None or spec.name in workspace.commands
    ]


def _connected(workspace: Workspace) -> bool:
    transport = workspace.deliveries.transport
    return transport.connections > 0 if isinstance(transport, SocketHub) else transport is not None


def _sees(channel: Channel, user_id: str) -> bool:
    return user_id in channel.members or not (channel.is_private or channel.is_im)


def _entry(channel: Channel, person: Person, read: str) -> Json:
    """Return a channel's line in the sidebar."""
    new = [m for m in channel.timeline() if m.ts > read and m.user != person.id]
    whispered = [e for e in channel.ephemerals if e.user == person.id and e.ts > read]
    needles = _needles(person)
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_im": channel.is_im,
        "is_archived": channel.is_archived,
        "is_member": person.id in channel.members,
        "members": len(channel.members),
        "unread": len(new) + len(whispered),
        "mentions": sum(1 for message in new if _mentions(message, needles)),
    }


def _needles(person: Person) -> tuple[str, ...]:
    """Return how a person is named in messages: in mrkdwn and in rich text, alone or in a group."""
    groups = [g.id for g in person.workspace.usergroups.values() if person.id in g.users]
    return (
        *(f"<@{person.id}>", f'"user_id": "{person.id}"', "<!channel>", "<!here>"),
        *(f"<!subteam^{group}" for group in groups),
        *(f'"usergroup_id": "{group}"' for group in groups),
    )


def _mentions(message: Message, needles: Iterable[str]) -> bool:
    text = message.text + json.dumps(message.blocks)
    return any(needle in text for needle in needles)


def _opened(workspace: Workspace, user_id: str, key: str, thread: str) -> Json:
    """Return what stands in the open channel and in the open thread."""
    channel = workspace.channel(key)
    if not _sees(channel, user_id):
        raise LookupError(f"no channel {key!r} in the sandbox workspace")
    replies: dict[str, list[Message]] = defaultdict(list)
    for message in channel.messages.values():
        if message.thread_ts and message.thread_ts != message.ts:
            replies[message.thread_ts].append(message)
    mine = [e for e in channel.ephemerals if e.user == user_id]
    parent = channel.messages.get(thread)
    return {
        "messages": _merged(channel.timeline(), replies, [e for e in mine if not e.thread_ts]),
        "thread": parent
        and _merged(
            [parent, *replies[thread]], replies, [e for e in mine if e.thread_ts == thread]
        ),
    }


def _merged(
    messages: Iterable[Message], replies: Mapping[str, list[Message]], mine: Iterable[Ephemeral]
) -> list[Json]:
    shown = [_message(message, replies.get(message.ts, [])) for message in messages]
    shown += [{**asdict(ephemeral), "ephemeral": True} for ephemeral in mine]
    return sorted(shown, key=lambda item: str(item["ts"]))


def _message(message: Message, replies: list[Message]) -> Json:
    return {
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "broadcast": message.reply_broadcast,
        "edited": bool(message.edited),
        "files": message.files,
        "reactions": message.reactions_json(),
        "replies": len(replies),
        "latest_reply": replies[-1].ts if replies else "",
    }


def _view(view: View | None) -> Json | None:
    if view is None:
        return None
    return {**view.shown, "id": view.id, "hash": view.hash, "errors": view.errors}
