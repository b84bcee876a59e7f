"""What `/audit` asks the log for, and what it found."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.audit import Entry, Query
from bot.core.errors import Refused
from bot.core.ports import AuditLog
from bot.core.requests import words
from bot.core.when import parse_since

NEWEST = 20
"""Entries shown where nothing but a person narrows the question."""

MOST = 500
"""Entries read for one answer; somebody may ask for years."""

_RUN = re.compile(r"^[0-9a-f]{4,8}$")
_USER = re.compile(r"^<@(?P<id>[UW][A-Z0-9]+)(\|[^>]*)?>$")


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A question to the log; ``title`` says it in words."""

    query: Query
    title: str


@dataclass(frozen=True, slots=True)
class History:
    """What the log answered.

    Args:
        title: the question in words.
        entries: the newest that match, oldest first.
        older: whether the log holds older ones that match as well.
    """

    title: str
    entries: tuple[Entry, ...]
    older: bool = False


def parse_history(text: str, now: datetime) -> HistoryRequest:
    """Read ``[run|@user|since=…]``.

    Args:
        text: what follows the command; Slack has turned a person into ``<@ID|name>``.
        now: the time.

    Raises:
        Refused: it is none of these.
    """
    found = words(text)
    if not found:
        return HistoryRequest(Query(newest=NEWEST), f"the newest {NEWEST} entries")
    if len(found) > 1:
        raise Refused("too_many_words", f"I don't know what “{found[1]}” is; ask one thing.")
    word = found[0]
    person = _USER.match(word)
    if person:
        return HistoryRequest(Query(actor_id=person["id"], newest=NEWEST), f"by {word}")
    if word.startswith("since="):
        since = parse_since(word.removeprefix("since="), now)
        return HistoryRequest(Query(since=since, newest=MOST), f"since {since:%Y-%m-%d %H:%M} UTC")
    if _RUN.match(word):
        return HistoryRequest(Query(run_id=word, newest=MOST), f"run {word}")
    raise Refused(
        "wrong_question",
        f"“{word}” is no run, person or time; write a run's id, @somebody, or since=24h.",
    )


def ask(request: HistoryRequest, log: AuditLog) -> History:
    """Return what the log holds for a question, and whether there is more.

    Raises:
        AuditUnavailable: the log cannot be read.
    """
    most = request.query.newest or MOST
    found = log.entries(replace(request.query, newest=most + 1))
    return History(request.title, found[-most:], older=len(found) > most)
