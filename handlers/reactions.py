"""Reactions are hints for the gate; mentions are the way to cancel from inside a thread."""

from __future__ import annotations

import re
from collections.abc import Callable

from slack_bolt import App
from slack_sdk import WebClient

from bot.adapters.slack.blocks import plain
from bot.core.desk import Desk
from bot.core.errors import Refused, TsbotError
from bot.core.models import Origin
from handlers.answers import Answers
from handlers.origins import Payload, of_event

_CANCEL = re.compile(r"\bcancel\s+(?:run\s+)?`?(?P<run>[0-9a-f]{8})\b", re.IGNORECASE)
_CANCEL_WHAT = re.compile(r"\bcancel\s+(?:run\s+)?`?(?P<run>[\w-]{1,40})", re.IGNORECASE)
_USAGE = "Mention me with `cancel RUN` to cancel a run; for all else see /tshelp."


def register(app: App, desk: Desk, answers: Answers) -> None:
    """Register a listener for each event of the manifest."""
    app.event("reaction_added")(_reaction(desk, answers))
    app.event("reaction_removed")(_reaction(desk, answers))
    app.event("app_mention")(_mention(desk, answers))


def _reaction(desk: Desk, answers: Answers) -> Callable[..., None]:
    def listen(body: Payload) -> None:
        item = body["event"].get("item", {})
        channel, ts = str(item.get("channel", "")), str(item.get("ts", ""))
        answers.quietly(lambda: desk.reaction(channel, ts))

    return listen


def _mention(desk: Desk, answers: Answers) -> Callable[..., None]:
    def listen(body: Payload, client: WebClient) -> None:
        origin, text = of_event(body), str(body["event"].get("text", ""))

        def work() -> None:
            client.chat_postEphemeral(
                channel=origin.channel, user=origin.person.id, text=mentioned(desk, origin, text)
            )

        answers.quietly(work)

    return listen


def mentioned(desk: Desk, origin: Origin, text: str) -> str:
    """Carry out what a mention asks for and return the answer."""
    found = _CANCEL.search(text) or _CANCEL_WHAT.search(text)
    if found is None:
        return _USAGE
    run_id = found["run"].lower()
    try:
        return plain(desk.cancel(origin, run_id), 1500)
    except Refused as refusal:
        return refusal.sentence
    except TsbotError as error:
        return f"That could not be done: {plain(str(error))}"
