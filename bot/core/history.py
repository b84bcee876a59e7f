"""What `/audit` asks the log for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bot.core.audit import Query
from bot.core.errors import Refused
from bot.core.requests import words
from bot.core.when import parse_since

NEWEST = 20
"""Entries shown where nothing narrows the question."""

_RUN = re.compile(r"^[0-9a-f]{4,8}$")
_USER = re.compile(r"^<@(?P<id>[UW][A-Z0-9]+)(\|[^>]*)?>$")


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A question to the log; ``title`` says it in words."""

    query: Query
    title: str


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
        return HistoryRequest(Query(since=since), f"since {since:%Y-%m-%d %H:%M} UTC")
    if _RUN.match(word):
        return HistoryRequest(Query(run_id=word), f"run {word}")
    raise Refused(
        "wrong_question",
        f"“{word}” is no run, person or time; write a run's id, @somebody, or since=24h.",
    )
