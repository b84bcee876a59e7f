"""One tab of the page: what a person reads there, and what they do with keyboard and mouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.remote.webelement import WebElement

SECONDS = 20.0
_SHOWN = """[...document.querySelectorAll(arguments[0])].filter(
    (each) => each.checkVisibility({ visibilityProperty: true }))"""
Open = Callable[..., "Page"]
T = TypeVar("T")


class Page:
    """A tab; every method first turns to it, so that two people can act in turn.

    Args:
        browser: the Chromium.
        handle: of the tab.
    """

    def __init__(self, browser: Chrome, handle: str) -> None:
        self.browser, self.handle = browser, handle

    @classmethod
    def opened(cls, browser: Chrome, address: str) -> Page:
        """Open an address such as http://127.0.0.1:3000/?as=ana in a tab of its own."""
        browser.switch_to.new_window("tab")
        page = cls(browser, browser.current_window_handle)
        page.go(address)
        return page

    def go(self, address: str) -> None:
        """Open an address and wait until the workspace is shown."""
        self.turn()
        self.browser.get(address)
        self.wait(lambda: self.text("#people"), "the people")

    def turn(self) -> Page:
        """Bring the tab to the front."""
        if self.browser.current_window_handle != self.handle:
            self.browser.switch_to.window(self.handle)
        return self

    def all(self, selector: str) -> list[WebElement]:
        """Return what a CSS selector finds and shows."""
        found: list[WebElement] = self.turn().browser.execute_script(f"return {_SHOWN}", selector)
        return found

    def text(self, selector: str) -> str:
        """Return what stands in all elements of a selector, as it is at one moment."""
        read = f"return {_SHOWN}.map((each) => each.innerText).join('\\n')"
        text: str = self.turn().browser.execute_script(read, selector)
        return text

    def one(self, selector: str, text: str = "") -> WebElement:
        """Wait for the first element of a selector, holding a text."""
        return self.wait(
            lambda: next((e for e in self.all(selector) if text in e.text), None),
            f"{selector} with {text!r}",
        )

    def click(self, selector: str, text: str = "") -> None:
        """Click an element as soon as it is there, even if it is painted over meanwhile."""

        def clicked() -> bool:
            for element in self.all(selector):
                if text in element.text:
                    element.click()
                    return True
            return False

        self.wait(clicked, f"{selector} with {text!r}")

    def sees(self, text: str, selector: str = "#messages") -> bool:
        """Wait until a text is shown."""
        self.wait(lambda: text in self.text(selector), f"{text!r} in {selector}")
        return True

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.turn()
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def write(self, text: str) -> None:
        """Type into the message box."""
        self.one("#write").send_keys(text)

    def message(self, text: str) -> WebElement:
        """Wait for the newest message holding a text."""
        return self.wait(
            lambda: next(
                (e for e in reversed(self.all("#messages article")) if text in e.text), None
            ),
            f"a message with {text!r}",
        )

    def focus(self) -> WebElement:
        """Return what has the focus."""
        self.turn()
        return self.browser.switch_to.active_element

    def wait(self, condition: Callable[[], T | None], what: str, seconds: float = SECONDS) -> T:
        """Wait until a condition holds and return its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except StaleElementReferenceException:
                continue  # painted over meanwhile
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {what}; shown:\n{self.text('body')}")
