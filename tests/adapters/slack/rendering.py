"""Messages as people read them, and the checks Slack makes before it takes one."""

from __future__ import annotations

from typing import Any

from bot.adapters.slack.blocks import Look
from bot.sandbox.slack.api.blocks import checked_blocks


def seen(node: Any) -> str:
    """Return what a piece of Block Kit shows: letters, emoji and mentions by their names."""
    if isinstance(node, list):
        return "".join(map(seen, node))
    if not isinstance(node, dict):
        return ""
    kind = node.get("type")
    if kind == "emoji":
        return f":{node['name']}:"
    if kind == "user":
        return f"<@{node['user_id']}>"
    if kind == "date":
        return str(node["fallback"])
    if "elements" in node:
        ends = "\n" if kind in ("rich_text", "context", "rich_text_section") else ""
        return seen(node["elements"]) + ends
    text = node.get("text")
    return seen(text) + "\n" if isinstance(text, dict) else str(text or "")


def page(look: Look) -> str:
    """Return what a whole message shows, once Slack's own checks let it pass."""
    checked_blocks(look.blocks)
    assert look.text
    assert len(look.text) <= 4000
    return seen(look.blocks)
