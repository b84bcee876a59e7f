"""The buttons of the permission table, as Block Kit."""

from __future__ import annotations

from bot.adapters.slack.blocks import Json
from bot.core.permissions import ButtonSpec


def buttons(*wanted: tuple[ButtonSpec, str]) -> Json:
    """Return a row of buttons.

    Args:
        wanted: each button with its value, the run or target it is about.
    """
    return {"type": "actions", "elements": [_button(spec, value) for spec, value in wanted]}


def _button(spec: ButtonSpec, value: str) -> Json:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": spec.label, "emoji": False},
        "action_id": spec.action,
        "value": value,
    }
