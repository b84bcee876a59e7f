"""Block Kit's pieces, and Slack's limits on them (docs.slack.dev/reference/block-kit).

Text from outside goes into rich text, which Slack shows letter by letter: no mention, link, emoji
or formatting can come of it. mrkdwn is for our own words and for ids of people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.core.events import HeadPosted
from bot.core.models import Person
from bot.core.redaction import for_slack, safe_line, safe_text
from bot.core.wording import moment, shortened

Json = dict[str, Any]

MESSAGE_BLOCKS = 50
SECTION_CHARS = 3000
HEADER_CHARS = 150
TOTAL_CHARS = 12_000  # Slack's own limit is about 13,200 (bolt-js#2509)
TEXT_CHARS = 3900  # chat.update takes 4,000

_PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")
_GROUP = re.compile(r"S[A-Z0-9]{2,20}")
_MENTION = re.compile(r"(<@[UW][A-Z0-9]{2,20}>|<!subteam\^S[A-Z0-9]{2,20}>)")
_CHANNEL = re.compile(r"(<#[CG][A-Z0-9]{2,20}>)")
_ESCAPED_CHANNEL = re.compile(r"&lt;#([CG][A-Z0-9]{2,20})&gt;")
_DATE = "{date_short_pretty} {time}"
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\u2194-\u21aa]\ufe0f?|\ufe0f|\u20e3"
)


class Look(NamedTuple):
    """A message: ``text`` for notifications and screen readers, ``blocks`` for the rest."""

    text: str
    blocks: list[Json]


def letters(text: str) -> str:
    """Return text without control characters and with □ for emoji.

    Slack stores emoji under their names, so that what is read back would not be what was posted.
    """
    return _EMOJI.sub("□", safe_text(text))


def words(text: str, *, bold: bool = False, code: bool = False) -> Json:
    """Return text shown as it is, on one line or several, in rich text."""
    style = {name: True for name, on in (("bold", bold), ("code", code)) if on}
    return {"type": "text", "text": letters(text), **({"style": style} if style else {})}


def name(text: str, most: int = 200) -> Json:
    """Return a name from outside, on one line, as code; ``–`` for an empty one."""
    return words(shortened(safe_line(text), most) or "–", code=True)


def emoji(code: str) -> Json:
    """Return an emoji by its name without colons."""
    return {"type": "emoji", "name": code}


def who(person: Person) -> Json:
    """Return a mention where the id is Slack's, else the name (``cli:…`` is nobody in Slack)."""
    if _PERSON.fullmatch(person.id):
        return {"type": "user", "user_id": person.id}
    return words(shortened(safe_line(person.name or person.id), 80) or "somebody", bold=True)


def date(at: datetime) -> Json:
    """Return a moment that Slack shows in each reader's own time zone."""
    return {
        "type": "date",
        "timestamp": int(at.timestamp()),
        "format": _DATE,
        "fallback": moment(at),
    }


def link(url: str, text: str) -> Json:
    """Return a link; ``url`` is ours, never from outside."""
    return {"type": "link", "url": url, "text": text}


def paragraph(*rows: Sequence[Json]) -> Json:
    """Return a block of lines of rich text; empty pieces, which Slack refuses, are left out."""
    pieces: list[Json] = []
    for row in rows:
        kept = [piece for piece in row if piece.get("text") != ""]
        if kept:
            pieces += [words("\n"), *kept] if pieces else kept
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": pieces or [words("–")]}],
    }


def bullets(items: Sequence[str], *, most: int, chars: int) -> Json:
    """Return sentences from outside as a list, cut in number and length."""
    shown = [shortened(safe_line(item), chars) or "–" for item in items[:most]]
    if len(items) > most:
        shown.append(f"… and {len(items) - most} more in the audit log")
    rows = [{"type": "rich_text_section", "elements": [words(item)]} for item in shown]
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_list", "style": "bullet", "elements": rows}],
    }


def preformatted(text: str) -> Json:
    """Return output as it came, in a fixed-width font."""
    shown = {"type": "rich_text_preformatted", "elements": [words(text or "–")]}
    return {"type": "rich_text", "elements": [shown]}


def header(text: str) -> Json:
    """Return a headline; emoji names in it stay letters."""
    shown = shortened(letters(safe_line(text)), HEADER_CHARS) or "–"
    return {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": False}}


def section(mrkdwn: str) -> Json:
    """Return a section of our own words; text from outside needs `plain` before."""
    return {"type": "section", "text": _mrkdwn(shortened(mrkdwn, SECTION_CHARS))}


def context(mrkdwn: str) -> Json:
    """Return a line of small print in our own words."""
    return {"type": "context", "elements": [_mrkdwn(shortened(mrkdwn, SECTION_CHARS))]}


def divider() -> Json:
    """Return a line across."""
    return {"type": "divider"}


def _mrkdwn(text: str) -> Json:
    # verbatim: Slack makes no links of its own from names and addresses
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, most: int = 200) -> str:
    """Return text from outside for mrkdwn and for fallback texts: one line, nothing in it works."""
    return for_slack(shortened(letters(safe_line(text)), most)).translate(_FORMATTING)


_FORMATTING = str.maketrans({"`": "ˋ", "*": "∗", "~": "∼"})
"""Look-alikes of what opens formatting; ``_`` works only around words and is common in names."""


def mention(identifier: str) -> str:
    """Return the mention of a user or usergroup id for mrkdwn; anything else as plain text."""
    if _PERSON.fullmatch(identifier):
        return f"<@{identifier}>"
    return f"<!subteam^{identifier}>" if _GROUP.fullmatch(identifier) else plain(identifier)


def mention_of(person: Person) -> str:
    """Return a person's mention for mrkdwn, the name where the id is not Slack's."""
    known = _PERSON.fullmatch(person.id)
    return mention(person.id) if known else plain(person.name or person.id)


def mentions_only(text: str) -> str:
    """Return text of ours for mrkdwn in which mentions of people and groups work, no other tag."""
    pieces = _MENTION.split(letters(text))
    return "".join(p if _MENTION.fullmatch(p) else for_slack(p) for p in pieces)


def rich_sentence(text: str) -> list[Json]:
    """Return rich text in which links to channels work, such as to where commands are taken."""
    return [
        {"type": "channel", "channel_id": piece[2:-1]}
        if _CHANNEL.fullmatch(piece)
        else words(piece)
        for piece in _CHANNEL.split(text)
        if piece
    ]


def plain_sentence(text: str, most: int) -> str:
    """Return the same for fallback texts."""
    return _ESCAPED_CHANNEL.sub(r"<#\1>", plain(text, most))


def date_text(at: datetime) -> str:
    """Return a moment for mrkdwn, in each reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{_DATE}|{moment(at)}>"


def pointer(run_id: str) -> str:
    """Return where to read what did not fit."""
    return f"More is in the thread and in `tsbot audit show {plain(run_id, 40)}`."


def log_head(head: HeadPosted | None) -> str:
    """Return the log's head for people to keep, and that there is none where the log was down."""
    if head is None:
        return "The audit log could not be written just now: there is no head of it to keep."
    return f"Head of the audit log: entry {head.entry} `{plain(head.hash, 64)}`"


def fit(text: str, blocks: Sequence[Json], run_id: str) -> Look:
    """Return a message within Slack's limits; what is cut is replaced by a pointer to the rest."""
    kept: list[Json] = []
    room = TOTAL_CHARS
    for block in blocks:
        room -= _chars(block)
        if room < 0 or len(kept) == MESSAGE_BLOCKS:
            kept = [*kept[: MESSAGE_BLOCKS - 1], context(pointer(run_id))]
            break
        kept.append(block)
    return Look(shortened(text, TEXT_CHARS), kept)


def _chars(block: Json) -> int:
    return sum(map(len, _strings(block)))


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    children: Iterable[object] = ()
    if isinstance(node, dict):
        children = node.values()
    elif isinstance(node, list):
        children = node
    for child in children:
        yield from _strings(child)
