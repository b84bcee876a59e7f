"""The page itself: one file, sent with headers under which nothing else can run or be loaded."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("workspace.html")


@dataclass(frozen=True, slots=True)
class Document:
    """The page's bytes and the headers to send with them."""

    body: bytes
    headers: dict[str, str]


def serves(path: str) -> bool:
    """Tell whether a path shows the page: its own, and the permalinks of messages."""
    return path == "/" or path.startswith("/archives/")


@cache
def document() -> Document:
    """Read the page once.

    The policy names the hashes of the page's one script and one style sheet, so that nothing
    injected could run; and with trusted types even the page itself cannot turn text into HTML.
    """
    text = _FILE.read_text(encoding="utf-8")
    policy = [
        "default-src 'none'",
        f"script-src {_hashed(text, 'script')}",
        f"style-src {_hashed(text, 'style')}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return Document(text.encode(), headers)


def _hashed(text: str, tag: str) -> str:
    """Return the CSP source of the page's only element of a kind."""
    (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
