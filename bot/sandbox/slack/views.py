"""Modals and Home tabs: what apps open, people fill in, and Slack keeps the state of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.people import Json

VALUE_KEYS = {
    "plain_text_input": "value",
    "number_input": "value",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
}
"""Where each input element keeps its value in `view.state.values`."""


@dataclass(slots=True)
class View:
    """A modal or a Home tab of one person; `shown` is the view as the app sent it."""

    id: str
    user: str
    shown: Json
    hash: str
    is_open: bool = True
    filled: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def as_json(self, team_id: str, app_id: str, bot_id: str) -> Json:
        """Return the view object as views.open answers and view_submission carries it."""
        return {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "submit": None,
            "close": None,
            **self.shown,
            "id": self.id,
            "team_id": team_id,
            "app_id": app_id,
            "bot_id": bot_id,
            "app_installed_team_id": team_id,
            "hash": self.hash,
            "root_view_id": self.id,
            "previous_view_id": None,
            "state": {"values": self.state()},
        }

    def fill(self, values: dict[str, dict[str, Any]]) -> None:
        """Put in what a person typed or chose, by block_id and action_id."""
        for block_id, actions in values.items():
            self.filled.setdefault(block_id, {}).update(actions)

    def state(self) -> dict[str, Json]:
        """Return `state.values`: every input element, filled, initial or empty."""
        values: dict[str, Json] = {}
        for block_id, element in inputs(self.shown["blocks"]):
            key = VALUE_KEYS[element["type"]]
            given = self.filled.get(block_id, {}).get(element["action_id"])
            chosen = _choose(element, given) if given is not None else _initial(element, key)
            entry = {"type": element["type"], key: chosen}
            values.setdefault(block_id, {})[element["action_id"]] = entry
        return values

    def missing(self) -> list[str]:
        """Return the block_ids of required inputs that are empty; the client stops these."""
        state = self.state()
        required = {
            block["block_id"]: block["element"]
            for block in self.shown["blocks"]
            if block["type"] == "input" and not block.get("optional")
        }
        return [
            block_id
            for block_id, element in required.items()
            if not state[block_id][element["action_id"]][VALUE_KEYS[element["type"]]]
        ]


def inputs(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Yield (block_id, element) of every element that holds a value."""
    for block in blocks:
        candidates = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
        for element in candidates:
            if element and element.get("type") in VALUE_KEYS:
                yield block["block_id"], element


def _initial(element: Json, key: str) -> Any:
    empty: Any = [] if key == "selected_options" else None
    return element.get(key.replace("selected", "initial").replace("value", "initial_value"), empty)


def _choose(element: Json, given: Any) -> Any:
    """Turn a person's choice into the option objects Slack sends; anything else stays as it is."""
    if element["type"] == "checkboxes":
        return [_option(element, value) for value in given]
    if element["type"] in ("static_select", "radio_buttons"):
        return _option(element, given)
    return given


def _option(element: Json, value: str) -> Json:
    groups = element.get("option_groups", [])
    options = element.get("options", []) + [o for group in groups for o in group["options"]]
    for option in options:
        if option["value"] == value:
            return dict(option)
    offered = ", ".join(option["value"] for option in options)
    raise LookupError(f"no option {value!r} in {element['action_id']}; there are: {offered}")
