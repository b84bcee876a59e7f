"""What stands before and behind all listeners: answers go to Slack, each delivery acts once, no
error is lost.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from slack_bolt import App, BoltContext, BoltResponse, Respond

from bot.adapters.slack.blocks_result import refusal
from bot.core.errors import TsbotError
from bot.core.ports import Deliveries
from handlers.answers import DEFECT, Answers
from handlers.origins import Payload, delivery_id

logger = logging.getLogger(__name__)


_HOOK = re.compile(
    r"https://hooks\.slack\.com/(?:commands|actions)/(?P<team>\w+)(?:/[\w-]+)+", re.ASCII
)
"""Where Slack takes answers to commands and to clicks. No dots, no query: nothing leads elsewhere.

Slack's documentation shows examples and promises no form. Source: the payloads in the tests of its
own SDKs, bolt-python and python-slack-sdk.
"""

_SLACK = "https://slack.com"
"""Where Slack's Web API is. It takes no answers, but may take a call with a stranger's token."""


def register(
    app: App, deliveries: Deliveries, answers: Answers, api_url: str, homes: Collection[str]
) -> None:
    """Register the two guards and the error handler.

    Args:
        app: to register them with.
        deliveries: what was delivered before.
        answers: where answers are given.
        api_url: the Web API's address.
        homes: ids of our workspace, and of its organization where it has one.
    """
    app.use(_to_us(api_url, homes))
    app.use(_once(deliveries))
    app.error(_on_error(answers))


def _to_us(api_url: str, homes: Collection[str]) -> Callable[..., BoltResponse]:
    """Answers go to our workspace alone: who has the signing secret could name any address."""

    def guard(context: BoltContext, next: Callable[[], BoltResponse]) -> BoltResponse:
        url = context.response_url
        if url and not takes_answers(str(url), api_url, homes):
            logger.warning("a request whose response_url is not our workspace's gets no answer")
            context["response_url"] = None
            context.pop("respond", None)  # Bolt has made one with that address
        return next()

    return guard


def takes_answers(url: str, api_url: str, homes: Collection[str]) -> bool:
    """Whether a response_url is one of our workspace's.

    Slack's are https://hooks.slack.com/commands/TEAM/… and …/actions/TEAM/…; TEAM is the workspace
    (T…) or, in an Enterprise Grid organization, may be that (E…).

    A stand-in for Slack takes answers at the host of its Web API, on any path.

    Args:
        url: the response_url.
        api_url: the Web API's address.
        homes: ids of our workspace, and of its organization where it has one.
    """
    if hook := _HOOK.fullmatch(url):
        return hook["team"] in homes
    return _origin(url) == _origin(api_url) != _SLACK


def _origin(url: str) -> str:
    """Return scheme and host, empty for what is no address; a user's name in it stays in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _once(deliveries: Deliveries) -> Callable[..., BoltResponse]:
    """Slack may deliver one envelope twice; the second is acked and does nothing."""

    def guard(body: Payload, next: Callable[[], BoltResponse]) -> BoltResponse:
        if deliveries.first(delivery_id(body)):
            return next()
        logger.info("second delivery of %s left alone", delivery_id(body))
        return BoltResponse(status=200)

    return guard


def _on_error(answers: Answers) -> Callable[..., None]:
    """Log what a listener or the guard let through, and answer whoever waits for something."""

    def handle(error: Exception, respond: Respond) -> None:
        logger.error("a listener failed", exc_info=error)
        known = isinstance(error, TsbotError)
        look = refusal(f"That could not be done: {error}" if known else DEFECT)
        if respond.response_url:
            answers.later(respond, lambda: look)

    return handle
