"""Whether a message read back still says what was posted.

Slack keeps a message in its own spelling: it adds block ids and defaults, escapes and links text.
What people see is compared, with the styles and mentions in it; spelling is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.adapters.slack.blocks import Json, Look

_SPELLING = frozenset({"block_id", "verbatim", "emoji", "unicode", "border", "indent", "offset"})
_LINK = re.compile(r"<(?:https?|mailto):[^<>|]*\|([^<>]*)>|<((?:https?|mailto):[^<>|]*)>")
_LABEL = re.compile(r"<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+)\|[^<>]*>")
"""Slack may write a name behind a mention's id; whom it means is the id alone."""
_ATTACHED = ("attachments", "files", "subtype", "thread_ts")


def unchanged(message: Json, posted: Look) -> bool:
    """Tell whether a message of the Web API shows what was posted, and nothing beside it."""
    if message.get("edited") or any(_foreign(message, key) for key in _ATTACHED):
        return False
    same_text = spelled(str(message.get("text", ""))) == spelled(posted.text)
    return same_text and shown(message.get("blocks") or []) == shown(posted.blocks)


def _foreign(message: Json, key: str) -> bool:
    """A thread's first message names itself as its thread once somebody has answered."""
    value = message.get(key)
    if key == "subtype":
        return value not in (None, "bot_message")
    return bool(value) and not (key == "thread_ts" and value == message.get("ts"))


def spelled(text: str) -> str:
    """Return text in one spelling: unescaped, links as their label, single spaces.

    Emoji names stay: ✅ and ❌ changed places would be a lie. Emoji themselves are never posted.
    """
    bare = _LINK.sub(lambda found: found[1] or found[2], _LABEL.sub(r"<\1>", text))
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        bare = bare.replace(entity, character)
    return " ".join(bare.split())


def shown(blocks: Any) -> list[tuple[str, ...]]:
    """Return what each block shows, in order: neighbours of one style are one piece of text."""
    if not isinstance(blocks, list):
        return [("not blocks",)]
    return [tuple(_merged(_pieces(block, ""))) for block in blocks]


def _merged(pieces: Iterator[tuple[str, str]]) -> Iterator[str]:
    kept: list[list[str]] = []
    for style, text in pieces:
        if kept and kept[-1][0] == style:
            kept[-1][1] += text
        else:
            kept.append([style, text])
    for style, text in kept:
        spelling = spelled(text)
        if spelling:
            yield f"{style}|{spelling}"


def _pieces(node: Any, style: str) -> Iterator[tuple[str, str]]:
    """Yield (style and kind, text) of everything in a block that reaches people's eyes."""
    if isinstance(node, list):
        for child in node:
            yield from _pieces(child, style)
    elif isinstance(node, dict):
        kind = str(node.get("type", ""))
        inner = f"{style}/{kind}{_styles(node.get('style'))}"
        for key in sorted(node.keys() - _SPELLING - {"type", "style"}):
            value = node[key]
            nested = isinstance(value, (dict, list))
            yield from _pieces(value, inner) if nested else _leaf(key, value, inner)


def _leaf(key: str, value: Any, style: str) -> Iterator[tuple[str, str]]:
    if value not in (None, "", False):
        yield style if key == "text" else f"{style}.{key}", str(value)


def _styles(style: Any) -> str:
    if isinstance(style, dict):
        return "".join(sorted(f"+{name}" for name, on in style.items() if on))
    return f"+{style}" if style else ""
