"""The log's heads: which are posted elsewhere, and how a witness writes them down.

A head vouches for every entry before it. The chain itself is unkeyed: who owns the file can change
an entry and compute all later hashes anew, but not what was said elsewhere meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from bot.core import events as ev
from bot.core.audit import Entry, Head, Phase
from bot.core.errors import Refused

_NO_RUN = "-"
_LINE = re.compile(r"(?P<at>\S+) (?P<run>\S+) (?P<entry>[1-9][0-9]{0,17}) (?P<hash>[0-9a-f]{64})")


def ends_a_stretch(entry: Entry) -> bool:
    """Whether the head is posted after this entry: an approval, or the end of a run."""
    draft = entry.draft
    if draft.phase is not Phase.OUTCOME:
        return False
    return draft.action == "run" or (draft.action == "gate" and draft.status == "approved")


def head_of(entry: Entry) -> Head:
    """Return the head the log had when this entry was its last."""
    return Head(entry.at, entry.draft.run_id, entry.id, entry.hash)


def posted(entry: Entry) -> ev.HeadPosted:
    """Return the event that shows this entry's head to people."""
    return ev.HeadPosted(
        run_id=entry.draft.run_id,
        at=entry.at,
        entry=entry.id,
        hash=entry.hash,
        status=entry.draft.status,
    )


def line_of(head: Head) -> str:
    """Return the line a witness keeps: time, run, entry and hash; `read_lines` reads it back."""
    at = head.at.astimezone(UTC).isoformat(timespec="seconds")
    return f"{at.removesuffix('+00:00')}Z {head.run_id or _NO_RUN} {head.entry} {head.hash}"


def read_lines(lines: Iterable[str]) -> Iterator[Head]:
    """Yield the heads of a witness's lines; empty lines are left out.

    Raises:
        Refused: a line is none of ours; its number is named.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read(line.strip(), number)


def _read(line: str, number: int) -> Head:
    found = _LINE.fullmatch(line)
    at = _time(found["at"]) if found else None
    if found is None or at is None:
        raise Refused(
            "wrong_witness",
            f"Line {number} of the witness is none that tsbot wrote: TIME RUN ENTRY HASH.",
        )
    run = "" if found["run"] == _NO_RUN else found["run"]
    return Head(at, run, int(found["entry"]), found["hash"])


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
