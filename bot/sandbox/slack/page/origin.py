"""Who may talk to the workspace: nothing that runs in a web page of somebody else.

Everything listens on loopback, where any page open in a browser on this machine can knock. Two
headers, which pages cannot forge, tell them apart: Origin names the page that asks, and Host the
name it asked for. A page whose own name was made to point here (DNS rebinding) asks for that name.
"""

from __future__ import annotations

import ipaddress
from email.message import Message
from urllib.parse import urlsplit


def refusal(headers: Message) -> str:
    """Return why a request is not answered, empty where it is.

    Args:
        headers: of the request; programs send no Origin, browsers always do unless they only read.
    """
    host = str(headers.get("Host", ""))
    if not _is_ours(host):
        return f"this is not {host[:100]!r}: ask for an address or a name without dots"
    origin = headers.get("Origin")
    if origin is not None and str(origin).lower() != f"http://{host}".lower():
        return f"pages of {str(origin)[:100]!r} may not ask here"
    return ""


def _is_ours(host: str) -> bool:
    """Tell whether a Host can only mean us: an address, or a name no stranger can own.

    Names without dots (localhost, a container's name) are not in the public DNS.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and "." not in name
    return True
