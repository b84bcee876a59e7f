"""What a Web API method is called with, and the errors it answers with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.channels import Channel, Message
from bot.sandbox.slack.people import Json, User
from bot.sandbox.slack.records import Token
from bot.sandbox.slack.state import Workspace


class ApiError(Exception):
    """An answer with ok=false: the error code, and fields that go with it."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


def invalid(message: str) -> ApiError:
    """Return invalid_arguments with Slack's explanation beside it."""
    return ApiError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {message}"]})


@dataclass(slots=True)
class Call:
    """One call under way; `events` are sent to the app once the answer is out."""

    workspace: Workspace
    token: Token
    args: Json
    events: list[Json] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string argument; invalid_arguments when it is missing and has no default."""
        value = self.args.get(name)
        if value is None or value == "":
            if default is None:
                raise invalid(f"missing required field: {name}")
            return default
        if isinstance(value, (dict, list)):
            raise invalid(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def flag(self, name: str) -> bool:
        """Return a boolean argument, false when it is missing."""
        return str(self.args.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`, invalid_limit otherwise."""
        value = str(self.args.get(name) or default)
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise ApiError("invalid_limit")
        return int(value)

    def parsed(self, name: str, error: str) -> Any:
        """Return an argument that is JSON, or a string of JSON (form-encoded calls); or None."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ApiError(error) from None

    def user(self, name: str = "user") -> User:
        """Return the account an argument names by id."""
        user = self.workspace.users.get(self.text(name))
        if user is None:
            raise ApiError("user_not_found")
        return user

    def channel(self, name: str = "channel") -> Channel:
        """Return the channel an argument names; private ones are hidden from strangers to them."""
        key = self.text(name)
        if key in self.workspace.users:
            return self.workspace.direct_channel(key)
        try:
            channel = self.workspace.channel(key)
        except LookupError:
            raise ApiError("channel_not_found") from None
        if channel.is_private and self.token.user_id not in channel.members:
            raise ApiError("channel_not_found")
        return channel

    def joined_channel(self, name: str = "channel") -> Channel:
        """Return a channel the caller is a member of, not_in_channel otherwise."""
        channel = self.channel(name)
        if self.token.user_id not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def message(self, ts_name: str) -> Message:
        """Return the message named by `channel` and a timestamp argument."""
        channel = self.joined_channel()
        message = channel.messages.get(self.text(ts_name))
        if message is None:
            raise ApiError("message_not_found")
        return message

    def require_scope(self, *scopes: str) -> None:
        """Demand at least one of the scopes, as Slack does: with needed and provided."""
        if self.token.scopes.isdisjoint(scopes):
            provided = ",".join(sorted(self.token.scopes))
            raise ApiError("missing_scope", needed=scopes[0], provided=provided)

    def page(self, items: list[Any], most: int = 1000) -> tuple[list[Any], str]:
        """Return the page of `items` that cursor and limit ask for, and the next cursor."""
        cursor = self.text("cursor", "")
        start = cursor.removeprefix("next:")
        if cursor and (cursor == start or not start.isdecimal()):
            raise ApiError("invalid_cursor")
        first = int(start or 0)
        last = first + self.number("limit", 100, most)
        return items[first:last], f"next:{last}" if last < len(items) else ""
