"""Block Kit checks: the kinds the bot may use and the limits Slack puts on them.

Limits from docs.slack.dev/reference/block-kit; the total from slackapi/bolt-js#2509.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.api.arguments import ApiError
from bot.sandbox.slack.api.elements import check_element, check_text, expect, listed
from bot.sandbox.slack.people import Json

MESSAGE_BLOCKS, VIEW_BLOCKS, TOTAL_CHARACTERS = 50, 100, 13_200


def checked_blocks(blocks: Any, most: int = MESSAGE_BLOCKS) -> list[Json]:
    """Return the blocks of a message, or raise invalid_blocks and msg_blocks_too_long."""
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    problems = list(_problems(blocks, most))
    if problems:
        marked = [f"[ERROR] {problem}" for problem in problems]
        raise ApiError("invalid_blocks", errors=problems, response_metadata={"messages": marked})
    if sum(map(len, _texts(blocks))) > TOTAL_CHARACTERS:
        raise ApiError("msg_blocks_too_long")
    return blocks


def _problems(blocks: list[Any], most: int) -> Iterator[str]:
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:/blocks]"
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        path = f"/blocks/{index}"
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in CHECKS:
            yield f"unsupported type: {kind} [json-pointer:{path}/type]"
            continue
        yield from expect(len(str(block.get("block_id", ""))) <= 255, "block_id too long", path)
        if block.get("block_id") in seen:
            yield f'`block_id` is not unique: "{block["block_id"]}" [json-pointer:{path}/block_id]'
        seen.update([block["block_id"]] if block.get("block_id") else [])
        yield from CHECKS[kind](block, path)


def _section(block: Json, path: str) -> Iterator[str]:
    fields = block.get("fields")
    yield from expect("text" in block or bool(fields), "missing required field: text", path)
    if "text" in block:
        yield from check_text(block["text"], 3000, f"{path}/text")
    if fields is not None:
        for at, field in listed(fields, 10, f"{path}/fields"):
            yield from (at if field is None else check_text(field, 2000, at[0]))
    if "accessory" in block:
        yield from check_element(block["accessory"], f"{path}/accessory")


def _header(block: Json, path: str) -> Iterator[str]:
    yield from check_text(block.get("text"), 150, f"{path}/text", plain=True)


def _context(block: Json, path: str) -> Iterator[str]:
    for at, element in listed(block.get("elements"), 10, f"{path}/elements"):
        if element is None:
            yield from at
        elif not (isinstance(element, dict) and element.get("type") == "image"):
            yield from check_text(element, 3000, at[0])


def _actions(block: Json, path: str) -> Iterator[str]:
    for at, element in listed(block.get("elements"), 25, f"{path}/elements"):
        yield from (at if element is None else check_element(element, at[0]))


def _input(block: Json, path: str) -> Iterator[str]:
    yield from check_text(block.get("label"), 2000, f"{path}/label", plain=True)
    yield from check_element(block.get("element"), f"{path}/element")
    if "hint" in block:
        yield from check_text(block["hint"], 2000, f"{path}/hint", plain=True)


def _rich_text(block: Json, path: str) -> Iterator[str]:
    known = {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"}
    for at, element in listed(block.get("elements"), 1000, f"{path}/elements"):
        if element is None:
            yield from at
        else:
            fits = isinstance(element, dict) and element.get("type") in known
            yield from expect(fits, "unsupported rich text element", at[0])


def _divider(block: Json, path: str) -> Iterator[str]:
    yield from expect("text" not in block, "additional property: text", path)


CHECKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "rich_text": _rich_text,
    "divider": _divider,
}


def _texts(node: Any) -> Iterator[str]:
    """Yield every text in the blocks, whatever it is nested in."""
    children = node if isinstance(node, list) else node.values() if isinstance(node, dict) else ()
    if isinstance(node, dict) and isinstance(node.get("text"), str):
        yield node["text"]
    for child in children:
        yield from _texts(child)
