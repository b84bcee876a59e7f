"""Putting messages into channels, for apps, response_urls and people alike."""

from __future__ import annotations

from typing import Any

from bot.sandbox.slack.channels import Channel, Ephemeral, Message
from bot.sandbox.slack.markup import stored_blocks, stored_text
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.records import Token
from bot.sandbox.slack.state import Workspace


def post_as_app(
    workspace: Workspace, token: Token, channel: Channel, text: str, blocks: list[Json], **more: Any
) -> Message:
    """Post as the app a token belongs to; `more` are other fields of `Message`."""
    message = Message(
        channel=channel.id,
        ts=workspace.new_ts(),
        user=token.user_id,
        text=stored_text(text),
        blocks=stored_blocks(blocks),
        bot_id=token.bot_id,
        app_id=workspace.app_id if token.user_id == workspace.bot_user else None,
        **more,
    )
    return _put(workspace, channel, message)


def post_as_person(
    workspace: Workspace, user_id: str, channel: Channel, text: str, thread_ts: str | None
) -> Message:
    """Post what a person wrote."""
    ts = workspace.new_ts()
    message = Message(channel.id, ts, user_id, stored_text(text), thread_ts=thread_ts)
    return _put(workspace, channel, message)


def whisper(
    workspace: Workspace,
    channel: Channel,
    user_id: str,
    text: str,
    blocks: list[Json],
    thread_ts: str | None = None,
) -> Ephemeral:
    """Show an ephemeral message to one person."""
    ts = workspace.new_ts()
    shown = stored_blocks(blocks)
    ephemeral = Ephemeral(channel.id, user_id, ts, stored_text(text), shown, thread_ts)
    channel.ephemerals.append(ephemeral)
    workspace.touch()
    return ephemeral


def message_event(workspace: Workspace, message: Message) -> Json:
    """Return the `message` event of a new message, for apps that subscribed to it."""
    kind = "im" if workspace.channel(message.channel).is_im else "channel"
    shown = message.as_json(workspace.team_id)
    return {**shown, "channel": message.channel, "channel_type": kind, "event_ts": message.ts}


def _put(workspace: Workspace, channel: Channel, message: Message) -> Message:
    channel.messages[message.ts] = message
    workspace.touch()
    return message
