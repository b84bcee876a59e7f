"""PostgreSQL URIs: what they name, and a password put in safely.

No sentence raised here repeats the URI: it may hold a password, even a badly written one.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

EXAMPLE = "postgresql://postgres@db:5432/postgres"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# Parameters that would change who connects where, behind the part of the URI people read; and
# application_name and options, which tsbot sets itself.
_FORBIDDEN = frozenset(
    {"user", "password", "dbname", "service", "servicefile", "hostaddr"}
    | {"application_name", "options"}
)


@dataclass(frozen=True, slots=True)
class Dsn:
    """What a URI names; the password is not part of it.

    Args:
        host: name, address or socket directory; every loopback name reads ``localhost``.
        port: 5432 where the URI names none.
        user: the connecting role.
        database: the maintenance database.
        with_password: whether the URI holds one.
    """

    host: str
    port: int
    user: str
    database: str
    with_password: bool


def parse(uri: str) -> Dsn:
    """Read a PostgreSQL URI.

    Raises:
        ValueError: with what is wrong, never with the URI.
    """
    parts = _split(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    forbidden = sorted(_FORBIDDEN & query.keys())
    if forbidden:
        raise ValueError(f"must not carry ?{forbidden[0]}=: write it as in {EXAMPLE}")
    port = _port(parts, query)
    host = parts.hostname or query.get("host", "")
    checks = (
        (bool(host), "names no host"),
        ("host" not in query or not parts.hostname, "names two hosts"),
        ("," not in f"{parts.netloc}{host}", "names several hosts; a target is one server"),
        (bool(parts.username), "names no user"),
        (len(parts.path) > 1 and "/" not in parts.path[1:], "names no maintenance database"),
    )
    wrong = next((sentence for fine, sentence in checks if not fine), "")
    if wrong:
        raise ValueError(f"{wrong}: write it as in {EXAMPLE}")
    return Dsn(
        host="localhost" if unquote(host) in _LOOPBACK else unquote(host),
        port=port,
        user=unquote(parts.username or ""),
        database=unquote(parts.path[1:]),
        with_password=bool(parts.password),
    )


def with_password(uri: str, password: str) -> str:
    """Return a valid URI with this password in it, quoted so that any character is safe."""
    parts = urlsplit(uri)
    user, _, place = parts.netloc.rpartition("@")
    netloc = f"{user.split(':')[0]}:{quote(password, safe='')}@{place}"
    return urlunsplit(parts._replace(netloc=netloc))


def password_of(uri: str) -> str:
    """Return the password of a valid URI, decoded; empty where it has none."""
    return unquote(urlsplit(uri).password or "")


def _split(uri: str) -> SplitResult:
    if not uri.startswith(("postgresql://", "postgres://")):
        raise ValueError(f"must be a URI that begins with postgresql://, such as {EXAMPLE}")
    if not uri.isprintable() or " " in uri:
        raise ValueError("must not hold spaces or control characters: percent-encode them")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ValueError(f"is not a URI: write it as in {EXAMPLE}") from None
    if parts.fragment or "#" in uri or parts.netloc.count("@") > 1:
        raise ValueError("holds a # or @ that must be percent-encoded, as %23 or %40")
    return parts


def _port(parts: SplitResult, query: dict[str, str]) -> int:
    try:
        port = parts.port or int(query.get("port", "5432"))
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise ValueError(
            "has a port that is no number from 1 to 65535 (a / ? or : in a password must be "
            "percent-encoded)"
        )
    return port
