"""chat.*: posting, changing and deleting messages."""

from __future__ import annotations

from bot.sandbox.slack.api.arguments import ApiError, Call
from bot.sandbox.slack.api.blocks import checked_blocks
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.channels import Message
from bot.sandbox.slack.markup import stored_blocks, stored_text
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.posting import message_event, post_as_app, whisper

POST_CHARACTERS, UPDATE_CHARACTERS = 40_000, 4_000


def content(call: Call, most: int) -> tuple[str, list[Json]]:
    """Return text and blocks of a message, or raise no_text, msg_too_long, invalid_blocks."""
    text = call.text("text", "")
    blocks = checked_blocks(call.parsed("blocks", "invalid_blocks_format") or [])
    if any(block["type"] == "input" for block in blocks):
        problem = "unsupported type: input [json-pointer:/blocks]"
        raise ApiError("invalid_blocks", errors=[problem])
    if not text and not blocks and not call.args.get("attachments"):
        raise ApiError("no_text")
    if len(text) > most:
        raise ApiError("msg_too_long")
    return text, blocks


@method("chat.postMessage", "chat:write")
def post_message(call: Call) -> Json:
    """Post a message into a channel or, given a user id, a direct message."""
    channel = call.joined_channel()
    if channel.is_archived:
        raise ApiError("is_archived")
    thread_ts = call.text("thread_ts", "") or None
    if thread_ts and thread_ts not in channel.messages:
        raise ApiError("thread_not_found")
    text, blocks = content(call, POST_CHARACTERS)
    metadata = call.parsed("metadata", "invalid_metadata_format")
    broadcast = bool(thread_ts) and call.flag("reply_broadcast")
    message = post_as_app(
        call.workspace,
        call.token,
        channel,
        text,
        blocks,
        thread_ts=thread_ts,
        reply_broadcast=broadcast,
        metadata=metadata,
    )
    call.events.append(message_event(call.workspace, message))
    shown = message.as_json(call.workspace.team_id)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


@method("chat.update", "chat:write")
def update(call: Call) -> Json:
    """Change a message of one's own.

    Without blocks, those there stay only if no text is given either; the "(edited)" mark appears
    for text alone (docs.slack.dev/reference/methods/chat.update).
    """
    message = _own(call, "cant_update_message")
    given = call.text("text", "")
    text, blocks = content(call, UPDATE_CHARACTERS)
    message.change(stored_text(text) if given else message.text, stored_blocks(blocks))
    if not blocks:
        message.edited = {"user": message.user, "ts": call.workspace.new_ts()}
    shown = message.as_json(call.workspace.team_id)
    answer: Json = {"channel": message.channel, "ts": message.ts, "text": message.text}
    return answer | {"message": shown}


@method("chat.delete", "chat:write")
def delete(call: Call) -> Json:
    """Delete a message of one's own."""
    message = _own(call, "cant_delete_message")
    del call.workspace.channels[message.channel].messages[message.ts]
    return {"channel": message.channel, "ts": message.ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(call: Call) -> Json:
    """Show a message to one person in a channel."""
    channel, user = call.joined_channel(), call.user()
    if user.id not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks = content(call, POST_CHARACTERS)
    thread_ts = call.text("thread_ts", "") or None
    return {"message_ts": whisper(call.workspace, channel, user.id, text, blocks, thread_ts).ts}


@method("chat.getPermalink")
def permalink(call: Call) -> Json:
    """Return the address of a message."""
    message = call.message("message_ts")
    return {"channel": message.channel, "permalink": permalink_of(call, message)}


def permalink_of(call: Call, message: Message) -> str:
    """Return the address of a message, with its thread where it is a reply."""
    base = f"{call.workspace.base_url}/archives/{message.channel}/p{message.ts.replace('.', '')}"
    if message.thread_ts in (None, message.ts):
        return base
    return f"{base}?thread_ts={message.thread_ts}&cid={message.channel}"


def _own(call: Call, refusal: str) -> Message:
    message = call.message("ts")
    if message.user != call.token.user_id:
        raise ApiError(refusal)
    return message
