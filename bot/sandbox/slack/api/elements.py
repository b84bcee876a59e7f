"""Checks of what blocks are made of: text objects, buttons, selects, inputs, options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.people import Json
from bot.sandbox.slack.views import VALUE_KEYS

ELEMENTS = frozenset({*VALUE_KEYS, "button", "overflow"})
OPTION_LIMITS = {"static_select": 100, "checkboxes": 10, "radio_buttons": 10, "overflow": 5}


def expect(holds: bool, problem: str, path: str) -> Iterator[str]:
    """Yield the problem with its place unless the condition holds."""
    if not holds:
        yield f"{problem} [json-pointer:{path}]"


def listed(items: Any, most: int, path: str) -> Iterator[tuple[list[str], Any]]:
    """Yield ([path], item) for each item of a list of 1 to `most`; ([problem], None) otherwise."""
    if not isinstance(items, list) or not items:
        yield [f"must provide a list of at least 1 item [json-pointer:{path}]"], None
        return
    if len(items) > most:
        yield [f"no more than {most} items allowed [json-pointer:{path}]"], None
    for index, item in enumerate(items):
        yield [f"{path}/{index}"], item


def check_text(node: Any, most: int, path: str, *, plain: bool = False) -> Iterator[str]:
    """Check a text object: its kind, and 1 to `most` characters."""
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(node, dict) or node.get("type") not in kinds:
        yield f"must be a text object of type {' or '.join(kinds)} [json-pointer:{path}]"
        return
    text = node.get("text")
    yield from expect(isinstance(text, str) and text != "", "must be more than 0 characters", path)
    fits = not isinstance(text, str) or len(text) <= most
    yield from expect(fits, f"must be less than {most + 1} characters", f"{path}/text")
    misplaced = node["type"] == "mrkdwn" and "emoji" in node
    yield from expect(not misplaced, "additional property: emoji", path)


def check_element(node: Any, path: str) -> Iterator[str]:
    """Check an interactive element."""
    if not isinstance(node, dict) or node.get("type") not in ELEMENTS:
        kind = node.get("type") if isinstance(node, dict) else node
        yield f"unsupported element type: {kind} [json-pointer:{path}/type]"
        return
    action_id = str(node.get("action_id", ""))
    yield from expect(
        len(action_id) <= 255, "must be less than 256 characters", f"{path}/action_id"
    )
    if node["type"] == "button":
        yield from _check_button(node, path)
    if node["type"] in OPTION_LIMITS and "option_groups" not in node:
        yield from _check_options(node, path)
    if "placeholder" in node:
        yield from check_text(node["placeholder"], 150, f"{path}/placeholder", plain=True)
    if "confirm" in node:
        yield from _check_confirm(node["confirm"], f"{path}/confirm")


def _check_button(node: Json, path: str) -> Iterator[str]:
    yield from check_text(node.get("text"), 75, f"{path}/text", plain=True)
    value = node.get("value", "")
    yield from expect(isinstance(value, str), "must be a string", f"{path}/value")
    yield from expect(len(str(value)) <= 2000, "must be less than 2001 characters", f"{path}/value")
    style = node.get("style", "primary")
    yield from expect(style in ("primary", "danger"), "unknown style", f"{path}/style")


def _check_options(node: Json, path: str) -> Iterator[str]:
    most = OPTION_LIMITS[node["type"]]
    for at, option in listed(node.get("options"), most, f"{path}/options"):
        if not isinstance(option, dict):
            yield from at if option is None else [f"must be an option [json-pointer:{at[0]}]"]
            continue
        yield from check_text(option.get("text"), 75, f"{at[0]}/text")
        value = option.get("value")
        fits = isinstance(value, str) and 1 <= len(value) <= 150
        yield from expect(fits, "must be 1 to 150 characters", f"{at[0]}/value")


def _check_confirm(node: Any, path: str) -> Iterator[str]:
    parts = node if isinstance(node, dict) else {}
    yield from check_text(parts.get("title"), 100, f"{path}/title", plain=True)
    yield from check_text(parts.get("text"), 300, f"{path}/text")
    yield from check_text(parts.get("confirm"), 30, f"{path}/confirm", plain=True)
    yield from check_text(parts.get("deny"), 30, f"{path}/deny", plain=True)
