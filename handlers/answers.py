"""Answers to one person: work goes on after the ack, and every refusal is one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor

from slack_bolt import Respond
from slack_sdk.errors import SlackClientError

from bot.adapters.slack.blocks import Look
from bot.adapters.slack.blocks_result import refusal
from bot.core.errors import Refused, TsbotError

logger = logging.getLogger(__name__)

DEFECT = "That could not be done: an internal error, see the bot's log."
"""The answer where the fault is ours."""


class Answers:
    """Does what a listener asks for, in threads of the bot's own.

    Slack wants an ack within 3 s and Bolt has few threads, so no listener waits for a database.

    Args:
        executor: where the work is done.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def later(self, respond: Respond, work: Callable[[], Look | None]) -> None:
        """Do the work, then answer with its look, or with why it was refused."""
        self._executor.submit(self._answer, respond, work)

    def quietly(self, work: Callable[[], object]) -> None:
        """Do work that nobody is answered about."""
        self._executor.submit(_logged, work)

    def _answer(self, respond: Respond, work: Callable[[], Look | None]) -> None:
        look = _look_of(work)
        if look is None or not respond.response_url:
            return
        try:
            respond(
                text=look.text,
                blocks=look.blocks,
                response_type="ephemeral",
                replace_original=False,
            )
        except (SlackClientError, OSError):
            logger.exception("could not answer; what was asked for is in the audit log")


def _look_of(work: Callable[[], Look | None]) -> Look | None:
    try:
        return work()
    except Refused as error:
        return refusal(error.sentence)
    except TsbotError as error:
        return refusal(f"That could not be done: {error}")
    except Exception:  # a defect of ours: the person must not be left without an answer
        logger.exception("a command broke off")
        return refusal(DEFECT)


def _logged(work: Callable[[], object]) -> None:
    try:
        work()
    except TsbotError as error:
        logger.warning("%s", error)
    except Exception:  # nobody else would see what happens in this thread
        logger.exception("an event broke off")
