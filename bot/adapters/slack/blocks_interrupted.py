"""A run whose process died: what was found, and what can be done about it."""

from __future__ import annotations

from bot.adapters.slack.blocks import (
    Json,
    Look,
    bullets,
    context,
    emoji,
    fit,
    mention,
    paragraph,
    plain,
    section,
    words,
)
from bot.adapters.slack.blocks_buttons import buttons
from bot.core.events import RunInterrupted
from bot.core.permissions import DECISIONS
from bot.core.redaction import safe_line

_MEANING = (
    "Resume goes on where it was; Take back undoes what was begun; Abandon leaves all as it is."
)


_MENTIONS = 40


def interrupted(event: RunInterrupted) -> Look:
    """Return what the channel is told when the bot is back."""
    people = " ".join(map(mention, event.wakes[:_MENTIONS]))
    found = plain("; ".join(event.findings), 600)
    told = (
        f"{people} run {plain(event.run_id, 40)} was interrupted. {plain(event.sentence, 400)}"
        f" Found: {found}."
    )
    return fit(told.strip(), [section(people), *decisions(event)], event.run_id)


def decisions(event: RunInterrupted) -> list[Json]:
    """Return what was found, and a button for each thing that can be done."""
    told = f" Run {event.run_id} was interrupted. {safe_line(event.sentence)}"
    offers = ((DECISIONS[offer], event.run_id) for offer in event.offers)
    return [
        paragraph([emoji("rotating_light"), words(told, bold=True)]),
        *([bullets(event.findings, most=12, chars=300)] if event.findings else []),
        buttons(*offers),
        context(_MEANING),
    ]
