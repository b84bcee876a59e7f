"""Block Kit checks: what Slack accepts is accepted, what it refuses is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.slack.api.arguments import ApiError
from bot.sandbox.slack.api.blocks import checked_blocks

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> Json:
    return {"type": "section", "text": mrkdwn(text)}


def button(**fields: Any) -> Json:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **fields}


def actions(*elements: Any) -> Json:
    return {"type": "actions", "elements": list(elements)}


def select(count: int) -> Json:
    options = [{"text": plain(f"o{n}"), "value": f"v{n}"} for n in range(count)]
    return {"type": "static_select", "action_id": "pick", "options": options}


GOOD: dict[str, list[Json]] = {
    "the longest section": [section("x" * 3000)],
    "the longest header": [{"type": "header", "text": plain("x" * 150)}],
    "the most fields": [{"type": "section", "fields": [mrkdwn("x")] * 10}],
    "the fullest context": [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    "the most blocks": [{"type": "divider"}] * 50,
    "a full button": [actions(button(text=plain("x" * 75), value="x" * 2000, style="danger"))],
    "the longest select": [actions(select(100))],
    "an accessory": [{**section("x"), "accessory": button()}],
    "rich text": [{"type": "rich_text", "elements": [{"type": "rich_text_section"}]}],
    "an input": [
        {"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input"}},
    ],
    "a confirmation": [
        actions(
            button(
                confirm={
                    "title": plain("Sure?"),
                    "text": mrkdwn("*really*"),
                    "confirm": plain("Yes"),
                    "deny": plain("No"),
                }
            )
        )
    ],
}

BAD: dict[str, list[Any]] = {
    "a section too long": [section("x" * 3001)],
    "an empty section": [section("")],
    "a section without text": [{"type": "section"}],
    "a header too long": [{"type": "header", "text": plain("x" * 151)}],
    "a header in mrkdwn": [{"type": "header", "text": mrkdwn("x")}],
    "too many fields": [{"type": "section", "fields": [mrkdwn("x")] * 11}],
    "a field too long": [{"type": "section", "fields": [mrkdwn("x" * 2001)]}],
    "too many context elements": [{"type": "context", "elements": [mrkdwn("x")] * 11}],
    "an empty context": [{"type": "context", "elements": []}],
    "too many blocks": [{"type": "divider"}] * 51,
    "a button text too long": [actions(button(text=plain("x" * 76)))],
    "a button value too long": [actions(button(value="x" * 2001))],
    "a button value that is no string": [actions(button(value=7))],
    "an unknown button style": [actions(button(style="green"))],
    "a select too long": [actions(select(101))],
    "a select without options": [actions(select(0))],
    "an unknown block": [{"type": "carousel"}],
    "an unknown element": [actions({"type": "slider"})],
    "a block that is no object": ["section"],
    "emoji in mrkdwn": [{"type": "section", "text": {**mrkdwn("x"), "emoji": True}}],
    "a block_id twice": [{"type": "divider", "block_id": "a"}] * 2,
    "a divider with text": [{"type": "divider", "text": plain("x")}],
}


@pytest.mark.parametrize("blocks", GOOD.values(), ids=GOOD.keys())
def test_blocks_within_the_limits_pass(blocks: list[Json]) -> None:
    assert checked_blocks(blocks) == blocks


@pytest.mark.parametrize("blocks", BAD.values(), ids=BAD.keys())
def test_blocks_beyond_a_limit_are_invalid_and_the_place_is_named(blocks: list[Any]) -> None:
    with pytest.raises(ApiError) as caught:
        checked_blocks(blocks)
    assert caught.value.code == "invalid_blocks"
    messages = caught.value.extra["response_metadata"]["messages"]
    assert all("[json-pointer:/blocks" in message for message in messages)


def test_blocks_are_a_list() -> None:
    with pytest.raises(ApiError, match="invalid_blocks_format"):
        checked_blocks({"type": "section"})


def test_blocks_of_13200_characters_pass_and_one_more_is_too_long() -> None:
    whole = [section("x" * 3000)] * 4
    assert checked_blocks([*whole, section("x" * 1200)])
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        checked_blocks([*whole, section("x" * 1201)])
