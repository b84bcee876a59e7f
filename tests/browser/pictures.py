"""Pictures of the page, for the README and for looking at it."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome

_PALETTE = """
(async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const raw = canvas.getImageData(0, 0, image.width, image.height).data;
  const pixels = new Uint32Array(raw.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const part = (colour, at) => colour >> at & 255;
  const apart = (a, b) => [0, 8, 16].reduce((sum, at) => sum + (part(a, at) - part(b, at)) ** 2, 0);
  const nearest = (colour, among) => among.reduce((best, each, n) => {
    const far = apart(colour, each);
    return far < best[1] ? [n, far] : best;
  }, [0, Infinity]);
  const colours = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const palette = [];
  for (const colour of colours) {
    if (palette.length < 256 && nearest(colour, palette)[1] > 90) palette.push(colour);
  }
  const index = new Map(colours.map((colour) => [colour, nearest(colour, palette)[0]]));
  const indices = Array.from(pixels, (pixel) => index.get(pixel));
  return JSON.stringify({ width: image.width, height: image.height, palette, indices });
})"""
"""The most frequent colours that are some way apart, and for each pixel the nearest of them."""


@contextmanager
def screen(
    browser: Chrome, width: int, height: int, *, scheme: str = "light", scale: float = 1.0
) -> Iterator[None]:
    """Give the page a screen of a size in CSS pixels, light or dark, until the block ends."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},  # or things are caught half-way
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def picture(
    browser: Chrome,
    path: Path | str,
    width: int = 1200,
    height: int = 800,
    *,
    scheme: str = "light",
    scale: float = 1.0,
) -> Path:
    """Save what the page shows as a PNG of 256 colours and return the file's path.

    Args:
        browser: with the page open, in the state to be shown.
        path: the file, e.g. docs/approval.png; its directory is made.
        width: of the page, in CSS pixels.
        height: the same.
        scheme: "light" or "dark".
        scale: pixels of the picture for each CSS pixel.
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with screen(browser, width, height, scheme=scheme, scale=scale):
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    asked = {
        "expression": f"{_PALETTE}({json.dumps(shot['data'])})",
        "awaitPromise": True,
        "returnByValue": True,
    }
    answer = browser.execute_cdp_cmd("Runtime.evaluate", asked)
    file.write_bytes(_png(**json.loads(answer["result"]["value"])))
    return file


def _png(width: int, height: int, palette: list[int], indices: list[int]) -> bytes:
    """Write a PNG of one byte a pixel; the palette's colours have their red in the lowest byte."""
    pixels = bytes(indices)
    rows = (b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    colours = b"".join(struct.pack("<I", colour & 0xFFFFFF)[:3] for colour in palette)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", colours),
            _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
