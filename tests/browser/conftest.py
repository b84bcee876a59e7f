"""A headless Chromium for the page; without one these tests are left out, and the summary says so.

TSBOT_REQUIRE_BROWSER=1 makes a missing Chromium a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from bot.sandbox.slack import SlackServer
from tests.browser.page import Open, Page
from tests.sandbox.conftest import ana, client, ops, server, workspace

__all__ = ["ana", "client", "ops", "server", "workspace"]

REQUIRE_VARIABLE = "TSBOT_REQUIRE_BROWSER"
BROWSER, DRIVER = "chromium", "chromedriver"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # for root there is none
    "--disable-gpu",
    "--hide-scrollbars",  # they would be in the pictures
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # a tab behind another one is as live as a second person's screen
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    # headless, it would take itself for a phone: no hovering, a coarse pointer
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--window-size=1200,900",
)


def missing() -> str | None:
    """Return what is not installed, None where a browser can be started."""
    absent = [name for name in (BROWSER, DRIVER) if shutil.which(name) is None]
    if not absent:
        return None
    return f"no {' and no '.join(absent)} on PATH (Debian: apt install chromium chromium-driver)"


def start_browser() -> Chrome:
    """Start a Chromium; both paths are given, so that Selenium looks for no download."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which(BROWSER))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ARGUMENTS:  # chromedriver makes a fresh profile, and removes it at the end
        options.add_argument(argument)
    environment = {key: value for key, value in os.environ.items() if key not in PROXIES}
    service = ChromeService(str(shutil.which(DRIVER)), env={**environment, "TZ": "UTC"})
    return Chrome(options, service)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """The session's one Chromium."""
    why = missing()
    if why is not None and os.environ.get(REQUIRE_VARIABLE):
        pytest.fail(f"{REQUIRE_VARIABLE} is set, but there is {why}", pytrace=False)
    if why is not None:
        pytest.skip(why)
    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:  # Selenium obeys these on its way to the driver
            patch.delenv(name, raising=False)
        chrome = start_browser()
        try:
            yield chrome
        finally:
            chrome.quit()


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """Chromium with one empty tab; no script may have failed and no policy been broken."""
    first = chromium.current_window_handle
    yield chromium
    for handle in chromium.window_handles:
        if handle != first:
            chromium.switch_to.window(handle)
            chromium.close()
    chromium.switch_to.window(first)
    chromium.get("about:blank")
    log = chromium.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium leaves it untyped
    logged = [entry for entry in log if entry["source"] != "network"]
    assert logged == []


@pytest.fixture
def pages(browser: Chrome, server: SlackServer) -> Open:
    """Open the workspace, or that of another server, as somebody in a tab of their own."""
    ours = server

    def open_as(name: str, path: str = "", *, server: SlackServer = ours) -> Page:
        return Page.opened(browser, f"{server.base_url}/{path or f'?as={name}&channel=ops'}")

    return open_as
