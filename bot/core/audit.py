"""What the audit log holds: entries chained by hashes, and how the chain is computed.

The chain is unkeyed: whoever owns the file can recompute it, so heads are also posted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

GENESIS = "0" * 64
"""The ``prev_hash`` of the first entry."""


class Phase(StrEnum):
    """An intent is written before the action, its outcome after; a note stands alone."""

    INTENT = "intent"
    OUTCOME = "outcome"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has a number, a time and hashes.

    Args:
        action: what, such as ``command``, ``vote`` or a step's name.
        phase: before it, after it, or by itself.
        status: ``ok``, ``failed``, ``refused`` … empty for intents.
        run_id: the run it belongs to, empty for none.
        actor_id: who, by Slack id or ``cli:USER``; ``tsbot`` for the bot's own doing.
        actor_name: the name then, for reading.
        channel: where.
        target: the target's name.
        backup: the dump's file name.
        digest: what was approved.
        duration_ms: how long, for outcomes.
        arguments: the command's arguments as given.
        detail: the event, as JSON.
        output_tail: last lines of output, made safe, secrets removed.
    """

    action: str
    phase: Phase
    status: str = ""
    run_id: str = ""
    actor_id: str = "tsbot"
    actor_name: str = "tsbot"
    channel: str = ""
    target: str = ""
    backup: str = ""
    digest: str = ""
    duration_ms: int | None = None
    arguments: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    output_tail: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A committed entry."""

    id: int
    at: datetime
    draft: Draft
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries; empty fields don't restrict.

    Args:
        run_id: of this run, or whose id starts so.
        actor_id: by this person.
        target: for this target.
        action: this action only.
        since: not older than this, in UTC.
        newest: only the last so many.
    """

    run_id: str = ""
    actor_id: str = ""
    target: str = ""
    action: str = ""
    since: datetime | None = None
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of recomputing the chain.

    Args:
        entries: how many were read.
        head: the last entry's hash.
        broken_at: the first entry that doesn't fit, None where all do.
        problem: what is wrong with it, in one sentence.
    """

    entries: int
    head: str
    broken_at: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        """Whether everything fits."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's head at one moment: an entry and its hash, which vouches for all before it.

    Args:
        at: when the entry was written.
        run_id: whose it is, empty where the head belongs to no run.
        entry: its number.
        hash: its hash.
    """

    at: datetime
    run_id: str
    entry: int
    hash: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Who works on a target."""

    target: str
    run_id: str
    holder: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time to come back to.

    Args:
        key: unique, such as ``expiry:RUN``.
        run_id: whose.
        at: when, in UTC.
    """

    key: str
    run_id: str
    at: datetime


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entry_hash(number: int, at: datetime, draft: Draft, prev_hash: str) -> str:
    """Return the SHA-256 of an entry: every field, the number, the time and the previous hash."""
    body = {"id": number, "at": at.isoformat(), "prev_hash": prev_hash, **asdict(draft)}
    return hashlib.sha256(canonical(body).encode()).hexdigest()
