"""response_url: answering what a person did, up to five times within thirty minutes."""

from __future__ import annotations

from http import HTTPStatus

from bot.sandbox.slack.api.arguments import ApiError
from bot.sandbox.slack.api.blocks import checked_blocks
from bot.sandbox.slack.channels import Channel
from bot.sandbox.slack.markup import stored_blocks, stored_text
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.posting import post_as_app, whisper
from bot.sandbox.slack.records import ResponseHook
from bot.sandbox.slack.state import Workspace


def respond(workspace: Workspace, key: str, body: Json) -> tuple[HTTPStatus, str]:
    """Use a response_url once; returns Slack's HTTP status and text ("ok" or an error code)."""
    with workspace.lock:
        hook = workspace.hooks.get(key)
        if hook is None or workspace.now() > hook.expires_at:
            return HTTPStatus.NOT_FOUND, "expired_url"
        if hook.uses_left == 0:
            return HTTPStatus.NOT_FOUND, "used_url"
        try:
            show(workspace, hook, body)
        except ApiError as error:
            return HTTPStatus.INTERNAL_SERVER_ERROR, error.code
        hook.uses_left -= 1
        return HTTPStatus.OK, "ok"


def show(workspace: Workspace, hook: ResponseHook, body: Json) -> None:
    """Post, replace or delete what a response says; the lock must be held."""
    channel = workspace.channels[hook.channel]
    if body.get("delete_original"):
        _delete(channel, hook)
        workspace.touch()
        return
    text, blocks = str(body.get("text") or ""), checked_blocks(body.get("blocks") or [])
    if not text and not blocks:
        raise ApiError("no_text")
    if body.get("replace_original") and hook.message_ts in channel.messages:
        message = channel.messages[hook.message_ts]
        message.change(stored_text(text), stored_blocks(blocks))
        workspace.touch()
        return
    if body.get("replace_original"):
        _delete(channel, hook)
    if body.get("response_type") == "in_channel":
        bot = next(t for t in workspace.tokens.values() if t.user_id == workspace.bot_user)
        post_as_app(workspace, bot, channel, text, blocks, thread_ts=body.get("thread_ts"))
        return
    shown = whisper(workspace, channel, hook.user, text, blocks, body.get("thread_ts"))
    hook.message_ts = shown.ts if body.get("replace_original") else hook.message_ts


def _delete(channel: Channel, hook: ResponseHook) -> None:
    channel.messages.pop(hook.message_ts or "", None)
    channel.ephemerals = [e for e in channel.ephemerals if e.ts != hook.message_ts]
