"""What stands before and behind all listeners: answers go to Slack, each delivery acts once, no
error is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from slack_bolt import App, BoltContext, BoltResponse, Respond

from bot.adapters.slack.blocks_result import refusal
from bot.core.errors import TsbotError
from bot.core.ports import Deliveries
from handlers.answers import DEFECT, Answers
from handlers.origins import Payload, delivery_id

logger = logging.getLogger(__name__)


ANSWERS = "https://hooks.slack.com"
"""Where Slack takes answers. Source: docs.slack.dev, "Handling user interaction"."""


def register(app: App, deliveries: Deliveries, answers: Answers, api_url: str) -> None:
    """Register the two guards and the error handler.

    Args:
        app: to register them with.
        deliveries: what was delivered before.
        answers: where answers are given.
        api_url: the Web API's address, whose host may take answers as well.
    """
    app.use(_to_slack({ANSWERS, _origin(api_url)}))
    app.use(_once(deliveries))
    app.error(_on_error(answers))


def _to_slack(places: set[str]) -> Callable[..., BoltResponse]:
    """Answers go to Slack alone: who has the signing secret could make us call any address."""

    def guard(context: BoltContext, next: Callable[[], BoltResponse]) -> BoltResponse:
        url = context.response_url
        if url and _origin(str(url)) not in places:
            logger.warning("a request with a response_url that is not Slack's gets no answer")
            context["response_url"] = None
            context.pop("respond", None)  # Bolt has made one with that address
        return next()

    return guard


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
