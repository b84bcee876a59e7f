"""Times as people write and read them; everything is UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from bot.core.errors import Refused

_AGO = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment that ``24h``, ``2026-01-31`` or ``2026-01-31T08:30`` stands for.

    Args:
        text: an amount with one of s, m, h, d, w, counted back from ``now``, or an ISO date with or
            without a time; without a zone it is UTC.
        now: the time, aware.

    Raises:
        Refused: it is neither, or lies in the future.
    """
    moment = _ago(text.strip(), now) or _iso(text.strip())
    if moment is None:
        raise Refused(
            "wrong_since",
            f"“{text.strip()[:40]}” is no time: write an amount such as 24h or 7d, or a date such "
            f"as {now.astimezone(UTC):%Y-%m-%d} (UTC).",
        )
    if moment > now:
        raise Refused(
            "wrong_since", f"{format_utc(moment)} is still to come; it is {format_utc(now)}."
        )
    return moment


def _ago(text: str, now: datetime) -> datetime | None:
    found = _AGO.fullmatch(text)
    if found is None:
        return None
    try:
        return now.astimezone(UTC) - timedelta(**{_UNITS[found[2].lower()]: int(found[1])})
    except OverflowError:  # before the year 1
        return None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one whose zone leads out of the calendar
        return None


def format_utc(moment: datetime) -> str:
    """Return ``2026-01-31 08:30:00 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_duration(milliseconds: int) -> str:
    """Return ``850 ms``, ``1.4 s``, ``12 m 05 s`` or ``3 h 07 m``."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} m"
