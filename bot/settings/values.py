"""The kinds of values a setting can have, each with the sentence that says what is right."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit

from bot.core.models import ContainerRef

_LONGEST = timedelta(days=7)
_SIZE = re.compile(r"(\d{1,9})(B|kB|MB|GB|TB)", re.ASCII)
_SHIFTS = {"B": 0, "kB": 10, "MB": 20, "GB": 30, "TB": 40}
_YEARS = timedelta(days=3650)
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")  # Docker's own rule for names
_TARGET = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ROLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]{0,62}")

# Words of `/restore` that a target of the same name would hide.
_RESERVED = frozenset({"latest", "all", "dry-run", "drop-first", "force"})

_IDS = {
    "channel": (re.compile(r"[CG][A-Z0-9]{2,}"), "C0123ABCD"),
    "user": (re.compile(r"[UW][A-Z0-9]{2,}"), "U0123ABCD"),
    "user or usergroup": (re.compile(r"[UWS][A-Z0-9]{2,}"), "U0123ABCD or S0123ABCD"),
}


def duration(value: object) -> timedelta:
    """Read ``"90s"``, ``"30m"``, ``"1h30m"``, ``"2d"`` or whole seconds, at most seven days."""
    return _duration(value, _LONGEST)


def long_duration(value: object) -> timedelta:
    """Read the same where ten years are the most."""
    return _duration(value, _YEARS)


def _duration(value: object, longest: timedelta) -> timedelta:
    if isinstance(value, timedelta):
        return value
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError('must be a time such as "90s", "30m", "2h", or a whole number of seconds')
    if seconds > longest.total_seconds():
        raise ValueError(f"must not be longer than {longest.days} days ({longest.days * 24}h)")
    return timedelta(seconds=seconds)


def _seconds(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def duration_text(value: timedelta) -> str:
    """Return a duration as the file would have it; ``duration`` reads it back."""
    seconds = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class Bytes(int):
    """A number of bytes, which the file may write as a size."""


def size(value: object) -> Bytes:
    """Read ``"500MB"``, ``"10GB"`` (multiples of 1024, as PostgreSQL counts) or whole bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Bytes(value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a size such as "500MB" or "10GB", or a whole number of bytes')
    return Bytes(int(match[1]) << _SHIFTS[match[2]])


def size_text(value: int) -> str:
    """Return a size as the file would have it; ``size`` reads it back."""
    for unit, shift in reversed(_SHIFTS.items()):
        if value and value % (1 << shift) == 0:
            return f"{value >> shift}{unit}"
    return f"{value}B"


def not_zero(value: timedelta) -> timedelta:
    """Refuse a time of nothing."""
    if not value:
        raise ValueError("must be at least 1s")
    return value


def slack_id(kind: str, *, everyone: bool = False) -> Callable[[str], str]:
    """Return the check for one kind of Slack id; ``everyone`` lets ``*`` pass."""
    pattern, example = _IDS[kind]

    def check(value: str) -> str:
        if (everyone and value == "*") or pattern.fullmatch(value):
            return value
        raise ValueError(
            f"is not the id of a {kind}, such as {example}; names do not work, anybody can change "
            "theirs (in Slack: open the details, copy the id)"
        )

    return check


def container_ref(value: object) -> ContainerRef:
    """Read ``"name"``, ``{name = …}`` or ``{service = …, project = …}``."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise ValueError('must be "name" or { service = "…", project = "…" }')
    unknown = sorted(value.keys() - {"name", "service", "project"})
    if unknown:
        raise ValueError(f"has the unknown key {unknown[0]}; known: name, service, project")
    ref = ContainerRef(**value)
    if bool(ref.name) == bool(ref.service) or (ref.project and not ref.service):
        raise ValueError('must have either a name, or a service (with project = "…")')
    if not all(_CONTAINER.fullmatch(part) for part in value.values() if part):
        raise ValueError("is not a name Docker allows: letters, digits, and _ . - inside")
    return ref


def target_name(value: str) -> str:
    """Check a target's name: it is typed in chat and becomes part of a variable's name."""
    if value in _RESERVED:
        raise ValueError(f"{value} is a word of /restore; choose another name for the target")
    return _matching(_TARGET, value, "1 to 31 of a-z, 0-9, - and _, such as prod")


def database_name(value: str) -> str:
    """Check the name of a database; PostgreSQL cuts longer ones silently, and libpq takes a name
    with ``=`` for a connection string. Source: PostgreSQL's documentation of ``pg_restore -d``."""
    if not value or not value.isprintable() or len(value.encode()) > 63:
        raise ValueError("must be a database's name, 1 to 63 bytes")
    if "=" in value or value.startswith(("postgres://", "postgresql://")):
        raise ValueError(
            "reads as a connection string, and pg_restore would connect to what it says; rename "
            "the database to one without ="
        )
    if value in {"template0", "template1"}:
        raise ValueError("is a template of PostgreSQL's own; name the database to restore")
    return value


def extension_name(value: str) -> str:
    """Check the name of an extension."""
    return _matching(_EXTENSION, value, "an extension's name, such as pg_cron")


def account_name(value: str) -> str:
    """Check the name of a role or of a container's user."""
    return _matching(_ROLE, value, "a user's name, such as postgres")


def _matching(pattern: re.Pattern[str], value: str, right: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"must be {right}")
    return value


def absolute_path(value: str) -> str:
    """Check that a path is absolute and plain."""
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or not value.isprintable():
        raise ValueError("must be an absolute path without .., such as /backup")
    return str(path)


def readable_file(value: str) -> str:
    """Check that a file is there."""
    if not Path(absolute_path(value)).is_file():
        raise ValueError("is not a file")
    return value


def docker_url(value: str) -> str:
    """Check an engine's address: unix, tcp or ssh."""
    parts = _url(value)
    if parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1:
        return value
    if parts.scheme == "ssh" and parts.hostname and parts.password is None:
        return value
    if parts.scheme == "tcp" and parts.hostname and _port(parts) and parts.username is None:
        return value
    raise ValueError(
        "must be unix:///var/run/docker.sock, tcp://host:port or ssh://user@host, no password in it"
    )


def api_url(value: str) -> str:
    """Check the Web API's address and end it with a slash; tokens travel over it."""
    parts = _url(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise ValueError("must be an address such as https://slack.com/api/")
    if parts.query or parts.fragment:
        raise ValueError("must not have a ? or #")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must be https://, because tokens travel over it")
    return value.rstrip("/") + "/"


def witness(value: str) -> str:
    """Check where heads go: nowhere, a file, or an address that nobody on the way can read."""
    if not value or value.startswith("/"):
        return absolute_path(value) if value else ""
    parts = _url(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.username is not None or not value.isprintable():
        raise ValueError(
            "must be a file such as /mnt/share/heads.txt or an address such as "
            "https://logs.example.org/tsbot, no user or password in it"
        )
    return value


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address; nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address") from None
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or 0
