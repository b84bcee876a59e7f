"""What stands before and behind all listeners: each delivery acts once, no error is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable

from slack_bolt import App, BoltResponse, Respond

from bot.adapters.slack.blocks_result import refusal
from bot.core.errors import TsbotError
from bot.core.ports import Deliveries
from handlers.answers import DEFECT, Answers
from handlers.origins import Payload, delivery_id

logger = logging.getLogger(__name__)


def register(app: App, deliveries: Deliveries, answers: Answers) -> None:
    """Register the duplicate guard and the error handler."""
    app.use(_once(deliveries))
    app.error(_on_error(answers))


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
