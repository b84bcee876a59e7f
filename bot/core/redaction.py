"""Text from outside made safe: for the log, the terminal, Slack and a spreadsheet.

Clean first, cut afterwards: half a secret is no longer recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "[redacted]"
"""What stands in a secret's place."""

# ECMA-48: control sequences, then strings with their terminator, then any other escape. A string
# without its terminator loses only its introducer, so that nobody can hide what follows it.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)
_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f]"  # C0 and C1 but tab and newline
    r"|[\u00ad\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]"  # zero width and direction marks
    r"|[\u202a-\u202e\u2066-\u2069]"  # bidirectional overrides and isolates
    r"|[\ufff9-\ufffb\U000e0000-\U000e007f]"  # annotations and tags
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # what undecodable file names hold; not UTF-8


def safe_text(text: str) -> str:
    """Return the text without terminal escapes, control and invisible characters.

    Newlines and tabs stay; a carriage return is a newline.
    """
    plain = _NEWLINES.sub("\n", _ESCAPES.sub("", text))
    return _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", plain))


def safe_line(text: str) -> str:
    """Return the text as one line: like `safe_text`, all white space a single space."""
    return " ".join(safe_text(text).split())


def for_slack(text: str) -> str:
    """Return the text so that Slack shows it as it is: no mention, no link, no broadcast.

    Slack's control sequences all begin with ``<``, and ``&``, ``<`` and ``>`` are the three
    characters its documentation asks to escape.
    """
    return safe_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_csv(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula (an apostrophe before it)."""
    plain = safe_text(text)  # first: a removed character may have stood before the formula
    risky = text.startswith(("\t", "\r")) or plain.lstrip().startswith(tuple("=+-@＝＋－＠"))
    return f"'{plain}" if risky else plain


def tail(text: str, lines: int, chars: int) -> str:
    """Return the last lines, as many whole ones as fit; ``…`` above them where some are missing.

    Args:
        text: cleaned before, since a cut secret is no longer recognised.
        lines: at most so many.
        chars: at most so many, the mark included; one line longer than that is cut at its front.
    """
    rows = text.rstrip().split("\n")
    kept = rows[-lines:]
    while len(kept) > 1 and _length(kept, len(kept) < len(rows)) > chars:
        del kept[0]
    if _length(kept, len(kept) < len(rows)) > chars:
        return f"…{kept[0][-(chars - 1) :]}" if chars > 1 else "…"[:chars]
    return "\n".join(["…", *kept] if len(kept) < len(rows) else kept)


def _length(rows: list[str], marked: bool) -> int:
    return sum(map(len, rows)) + len(rows) - 1 + (2 if marked else 0)


_NEXT_MESSAGE = r"(?=^(?:pg_restore:|Command was:|HINT:|ERROR:|WARNING:|NOTICE:)|\Z)"
_COMMAND = re.compile(rf"^(Command was:[ \t]*)(.*?){_NEXT_MESSAGE}", re.M | re.S)
_COMMAND_WORDS = 6


def _shortened(found: re.Match[str]) -> str:
    command = re.split(r"['$\n]", found[2], maxsplit=1)[0]
    words = command.split()[:_COMMAND_WORDS]
    rest = " …" if len(" ".join(words)) < len(found[2].strip()) else ""
    end = "\n" if found[2].endswith("\n") else ""
    return f"{found[1]}{' '.join(words)}{rest}{end}"


_LITERAL = r"''[^'\n]+''|'(?:[^'\\\n]|\\.|'')*'?|\"(?:[^\"\\\n]|\\.)*\"?"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]+"), REDACTED),
    (re.compile(r"(https://hooks\.slack\.com/[a-z]{1,20}/)[A-Za-z0-9/_-]+"), rf"\1{REDACTED}"),
    # user:password@ of a URL, up to the last @ before the path
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]*:)[^\s/]+@", re.I), rf"\1{REDACTED}@"),
    # PASSWORD '…' in ALTER ROLE, CREATE USER MAPPING … and with dollar quotes
    (re.compile(rf"(\bPASSWORD\s+)(?:E|U&)?(?:{_LITERAL})", re.I), rf"\1{REDACTED}"),
    (re.compile(r"(\bPASSWORD\s+)\$(\w*)\$.*?(?:\$\2\$|\Z)", re.I | re.S), rf"\1{REDACTED}"),
    (
        re.compile(
            r"((?:password|passwd|secret|token)\"?\s*[=:]\s*)"
            rf"(?!{re.escape(REDACTED)})(?:{_LITERAL}|(?<==)[^\s&;,'\"]+|(?<== )[^\s&;,'\"]+)",
            re.I,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\bSCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+(?:\$[A-Za-z0-9+/=:]+)?"), REDACTED),
)

_SHORTEST = 4
UNMISTAKABLE = 12
"""Characters from which on a known secret is one wherever it stands."""


class Secrets:
    """Removes secrets: the known ones, and what looks like one.

    A known secret shorter than 12 characters goes only where it stands as a word of its own: a
    password such as ``tsdb`` must not eat half of every table name.

    Args:
        known: tokens and passwords; empty ones and those under 4 characters are left alone, because
            removing them would destroy the text.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for value in known for form in _forms(value.strip())}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(_expression, longest_first))) if forms else None

    def clean(self, text: str) -> str:
        """Return the text fit for the log: `safe_text` first, so no escape splits a secret."""
        text = safe_text(text)
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return _COMMAND.sub(_shortened, text)


def is_word_of(secret: str, text: str) -> bool:
    """Whether a known secret would be removed from a text as a word of its own.

    Args:
        secret: one that is short enough to be mistaken for a name.
        text: what may be shown.
    """
    return _SHORTEST <= len(secret) < UNMISTAKABLE and bool(re.search(_expression(secret), text))


def _forms(value: str) -> set[str]:
    """A secret as it is, and as a URL, SQL, a DSN and JSON would write it."""
    escaped = value.replace("\\", "\\\\")
    forms = {value, safe_text(value), quote(value, safe=""), value.replace("'", "''")}
    forms |= {escaped.replace("'", "\\'"), escaped.replace('"', '\\"')}
    return {form for form in forms if len(form) >= _SHORTEST and len(value) >= _SHORTEST}


def _expression(form: str) -> str:
    if len(form) >= UNMISTAKABLE:
        return re.escape(form)
    return rf"(?<![A-Za-z0-9_]){re.escape(form)}(?![A-Za-z0-9_])"
