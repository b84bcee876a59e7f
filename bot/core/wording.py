"""How durations, sizes, times and shares are written for people; nothing of Slack here."""

from __future__ import annotations

from datetime import UTC, datetime

FULL = "█"
EMPTY = "░"

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def duration(seconds: float) -> str:
    """Return ``0.4 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min`` or ``3 d 4 h``; never negative."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def rough(seconds: float) -> str:
    """Return an estimate, no finer than it deserves: ``less than 5 s``, ``about 40 s`` …"""
    if seconds < 5:
        return "less than 5 s"
    if seconds < _MINUTE:
        return f"about {5 * round(seconds / 5)} s"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {duration(seconds)}"


def size(count: int) -> str:
    """Return bytes as ``512 B``, ``3.2 GiB`` …"""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def moment(at: datetime) -> str:
    """Return ``2026-01-31 08:30 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def share(done: float) -> str:
    """Return ``43 %``; 100 % only for all of it."""
    return f"{int(_clamped(done) * 100)} %"


def bar(done: float, width: int = 20) -> str:
    """Return a bar such as ``█████░░░░░``; full only when all is done."""
    filled = int(_clamped(done) * width)
    return FULL * filled + EMPTY * (width - filled)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 approval``, ``2 approvals``, and ``2 entries`` where the plural is said."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def grouped(number: int) -> str:
    """Return ``3 456 000``."""
    return f"{number:,}".replace(",", " ")


def of_kind(number: int, kind: str) -> str:
    """Return ``1 index`` or ``12 indexes`` from a kind's plural, such as ``indexes``."""
    one = {"indexes": "index", "policies": "policy"}.get(kind, kind.removesuffix("s"))
    return counted(number, one, kind)


def ended(text: str) -> str:
    """Return text that ends as a sentence does, with no second stop after one it has."""
    return text if text.endswith(("?", "!", "…")) else f"{text.rstrip('.')}."


def shortened(text: str, most: int) -> str:
    """Return at most that many characters, ``…`` in the place of what is cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _clamped(done: float) -> float:
    return min(1.0, max(0.0, done))
