"""Slack's Web API: the one module here that knows slack_sdk, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.handler import RetryHandler

from bot.core.errors import ChatUnavailable

DEFAULT_URL = "https://slack.com/api/"

_BUSY = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
"""Slack's words for trouble of its own, which pass by themselves."""


class Declined(ChatUnavailable):
    """Slack understood and said no.

    Args:
        code: Slack's error code, such as ``not_in_channel``.
        method: the Web API method.
    """

    def __init__(self, code: str, method: str) -> None:
        super().__init__(f"Slack declined {method}: {code}")
        self.code = code


class RateLimited(ChatUnavailable):
    """Slack asks for a pause.

    Args:
        retry_after: seconds to wait, as Slack says.
        method: the Web API method.
    """

    def __init__(self, retry_after: float, method: str) -> None:
        super().__init__(f"Slack limits {method} for {retry_after:g} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Identity:
    """Who our token is: auth.test's answer."""

    user_id: str
    bot_id: str
    team_id: str
    url: str
    enterprise_id: str = ""

    @property
    def homes(self) -> frozenset[str]:
        """Our workspace's id, with that of its Enterprise Grid organization where it has one."""
        return frozenset({self.team_id, self.enterprise_id} - {""})

    def permalink(self, channel: str, ts: str) -> str:
        """Return a message's address."""
        return f"{self.url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method answered; the headers' names are in lower case."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]


class SlackApi:
    """Calls Web API methods.

    Every method raises ChatUnavailable: RateLimited, Declined, or as it is where nobody answered.

    Args:
        token: the bot's.
        base_url: of the Web API.
        timeout: seconds a call may take.
        patient: wait out one rate limit inside the call; for callers that may be held up.
    """

    def __init__(
        self, token: str, base_url: str = DEFAULT_URL, timeout: int = 10, *, patient: bool = False
    ) -> None:
        retries: list[RetryHandler] = [RateLimitErrorRetryHandler(max_retry_count=1)]
        self._client = WebClient(
            token,
            base_url=base_url if base_url.endswith("/") else f"{base_url}/",
            timeout=timeout,
            retry_handlers=retries if patient else [],
        )

    def write(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a method that takes JSON: chat.* and reactions.add."""
        return self._call(method, {"json": dict(arguments)}).body

    def read(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a method that reads; these take form fields only."""
        return self.ask(method, arguments).body

    def ask(self, method: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a method that reads, for whom the headers matter as well."""
        return self._call(method, {"params": dict(arguments)})

    @cached_property
    def identity(self) -> Identity:
        """Who we are; asked once."""
        answer = self.read("auth.test", {})
        keys = ("user_id", "bot_id", "team_id", "url", "enterprise_id")
        return Identity(*(str(answer.get(key) or "") for key in keys))

    def _call(self, method: str, body: Mapping[str, Any]) -> Answer:
        try:
            answer = self._client.api_call(method, **body)
        except SlackApiError as error:
            raise _translated(method, error) from error
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            # OSError covers URLError, time-outs and resets; ValueError an answer that is no JSON
            raise ChatUnavailable(f"Slack did not answer {method}: {error}") from error
        headers = {k.lower(): _first(v) for k, v in answer.headers.items()}
        return Answer(answer.data if isinstance(answer.data, dict) else {}, headers)


def _translated(method: str, error: SlackApiError) -> ChatUnavailable:
    answer = error.response
    status, code = int(answer.status_code), str(answer.get("error") or "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in ("ratelimited", "rate_limited"):
        return RateLimited(_seconds(answer.headers), method)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _BUSY:
        return ChatUnavailable(f"Slack has trouble with {method}: {code or status}")
    return Declined(code, method)


def _seconds(headers: Mapping[str, Any]) -> float:
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "1")
    first = _first(value)
    return max(0.0, float(first)) if first.replace(".", "", 1).isdecimal() else 1.0


def _first(value: object) -> str:
    """Return a header's value; the SDK has a list of them in places."""
    return str(value[0] if isinstance(value, list) and value else value)
