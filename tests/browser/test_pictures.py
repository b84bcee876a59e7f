"""Pictures for the README are what the page shows, at the size and in the colours asked for."""

from __future__ import annotations

import struct
from pathlib import Path

from slack_sdk import WebClient

from bot.adapters.slack.blocks_gate import gate
from tests.browser.page import Open
from tests.browser.pictures import picture
from tests.core.run_samples import a_notice


def size(file: Path) -> tuple[int, int]:
    """Return width and height of a PNG, from its first chunk."""
    head = file.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_a_picture_has_the_size_and_the_colours_asked_for(
    pages: Open, client: WebClient, ops: str, tmp_path: Path
) -> None:
    look = gate(a_notice())
    client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)
    ben = pages("ben")
    ben.message("Approval needed")
    light = picture(ben.browser, tmp_path / "docs" / "light.png", 900, 600)
    dark = picture(ben.browser, tmp_path / "docs" / "dark.png", 900, 600, scheme="dark")
    large = picture(ben.browser, tmp_path / "docs" / "large.png", 900, 600, scale=2)
    assert [size(file) for file in (light, dark, large)] == [(900, 600), (900, 600), (1800, 1200)]
    assert light.read_bytes() != dark.read_bytes()
