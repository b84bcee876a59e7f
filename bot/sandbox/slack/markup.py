"""How Slack stores what an app sends: escaped, linked, emoji by name, blocks with ids.

What is read back is therefore not byte for byte what was posted. A bot that compares the two has
to know; seen in conversations.history answers of real workspaces and in docs.slack.dev's pages
on formatting text.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from bot.sandbox.slack.people import Json
from bot.sandbox.slack.views import VALUE_KEYS

EMOJI = {
    "✅": "white_check_mark",
    "❌": "x",
    "⚠️": "warning",
    "⚠": "warning",
    "⏳": "hourglass_flowing_sand",
    "🔴": "red_circle",
    "🟢": "large_green_circle",
    "🟡": "large_yellow_circle",
    "🎉": "tada",
    "🛑": "octagonal_sign",
    "🚨": "rotating_light",
    "🔒": "lock",
    "👍": "+1",
}
_EMOJI = re.compile("|".join(sorted(map(re.escape, EMOJI), key=len, reverse=True)))
_TAG = re.compile(r"<(?:[@#!][^<>\s][^<>]*|(?:https?|mailto):[^<>\s]*(?:\|[^<>]*)?)>")
_URL = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"`]")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")


def stored_text(text: str, *, links: bool = True) -> str:
    """Return mrkdwn as history shows it: loose & < > escaped, addresses and emoji marked up."""
    pieces: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        pieces += [_plain(text[end : tag.start()], links), tag.group()]
        end = tag.end()
    return "".join([*pieces, _plain(text[end:], links)])


def _plain(text: str, links: bool) -> str:
    escaped = _AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    linked = _URL.sub(lambda url: f"<{url.group()}>", escaped) if links else escaped
    return _named_emoji(linked)


def _named_emoji(text: str) -> str:
    return _EMOJI.sub(lambda found: f":{EMOJI[found.group()]}:", text)


def stored_blocks(blocks: list[Json]) -> list[Json]:
    """Return blocks as Slack keeps them: with block_ids, and text objects spelled out."""
    return [{"block_id": uuid.uuid4().hex[:5], **_stored(block)} for block in blocks]


def _stored(node: Any) -> Any:
    if isinstance(node, list):
        return [_stored(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "mrkdwn" and "text" in node:
        verbatim = bool(node.get("verbatim", False))
        return {**node, "text": stored_text(node["text"], links=not verbatim), "verbatim": verbatim}
    if node.get("type") == "plain_text" and "text" in node:
        return {"emoji": True, **node, "text": _named_emoji(node["text"])}
    kept = {key: _stored(value) for key, value in node.items()}
    if node.get("type") in {*VALUE_KEYS, "button", "overflow"}:
        return {"action_id": uuid.uuid4().hex[:5], **kept}
    return kept
