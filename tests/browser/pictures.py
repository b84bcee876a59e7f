"""Pictures of the page, for the README and for looking at it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome


@contextmanager
def screen(
    browser: Chrome, width: int, height: int, *, scheme: str = "light", scale: float = 1.0
) -> Iterator[None]:
    """Give the page a screen of a size in CSS pixels, light or dark, until the block ends."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
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
    """Save what the page shows as PNG and return the file's path.

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
    file.write_bytes(base64.b64decode(shot["data"]))
    return file
