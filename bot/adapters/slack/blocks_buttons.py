"""The buttons of the permission table, as Block Kit."""

from __future__ import annotations

from bot.adapters.slack.blocks import Json, letters
from bot.core.permissions import CANCEL_RUN, ButtonSpec
from bot.core.redaction import safe_line
from bot.core.wording import shortened

_CONFIRM_CHARS = 300


def buttons(*wanted: tuple[ButtonSpec, str]) -> Json:
    """Return a row of buttons.

    Args:
        wanted: each button with its value, the run or target it is about.
    """
    return {"type": "actions", "elements": [_button(spec, value) for spec, value in wanted]}


def cancel_button(run_id: str, effect: str) -> Json:
    """Return the button that cancels a run, with a question that says what this would do now."""
    told = shortened(letters(safe_line(f"Now: {effect}")), _CONFIRM_CHARS)
    question = {
        "title": _plain("Cancel this run?"),
        "text": _plain(told),
        "confirm": _plain("Cancel the run"),
        "deny": _plain("Let it go on"),
        "style": "danger",
    }
    element = {**_button(CANCEL_RUN, run_id), "confirm": question}
    return {"type": "actions", "elements": [element]}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def _button(spec: ButtonSpec, value: str) -> Json:
    return {
        "type": "button",
        "text": _plain(spec.label),
        "action_id": spec.action,
        "value": value,
    }
