"""The small records a workspace keeps: tokens, calls, trigger_ids, response_urls, uploads."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.slack.people import Json


@dataclass(frozen=True, slots=True)
class Token:
    """What a token is good for; `kind` is "bot" or "app"."""

    value: str
    kind: str
    user_id: str
    bot_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One Web API call as it came in, and the answer's error (None: ok)."""

    method: str
    args: Json
    at: float
    error: str | None


@dataclass(slots=True)
class Trigger:
    """A trigger_id: good once, for three seconds."""

    user: str
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class ResponseHook:
    """A response_url: five uses in thirty minutes."""

    user: str
    channel: str
    expires_at: float
    message_ts: str | None = None
    uses_left: int = 5


@dataclass(slots=True)
class Upload:
    """A file between getUploadURLExternal and completeUploadExternal."""

    id: str
    name: str
    length: int
    content: bytes = b""
    shared_in: list[str] = field(default_factory=list)
