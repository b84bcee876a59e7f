"""Which retention policies of a dump would drop what is restored, told before anything is done.

No job's history is in a dump: once armed, each policy runs at once. A policy whose drop_after is
shorter than the dump's oldest chunk is old takes away what has just been restored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.wording import counted

Row = Mapping[str, str | None]
Tables = Mapping[str, list[Row]]

RETENTION = "policy_retention"
_TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
_ZONES = timedelta(hours=14)
"""How far a time without zone may be from UTC: the policy counts in its session's zone."""

_PART = re.compile(r"(-?\d+) (year|mon|week|day|hour|minute|min|second|sec)s?\b")
_CLOCK = re.compile(r"(-?)(\d+):(\d\d)(?::(\d\d)(?:\.\d+)?)?")
_MONTHS = {"year": 12, "mon": 1}
_SECONDS = {
    "week": 604_800,
    "day": 86_400,
    "hour": 3600,
    "minute": 60,
    "min": 60,
    "second": 1,
    "sec": 1,
}


@dataclass(frozen=True, slots=True)
class Expiring:
    """A retention policy of a dump and what it works on.

    Args:
        job: its id.
        relation: schema.name of the hypertable or continuous aggregate.
        after: its drop_after or drop_created_before, as the catalog has it.
        zoned: whether what it goes by is a moment and not a time of some zone.
        chunks: from when to when each chunk's rows are; None where the catalog does not tell, and
            for hypertables whose time is a number.
    """

    job: int
    relation: str
    after: str
    zoned: bool
    chunks: tuple[tuple[datetime, datetime] | None, ...]


def expiring(tables: Tables, relations: Mapping[str | None, str]) -> tuple[Expiring, ...]:
    """Return the retention policies that are scheduled in a dump.

    Args:
        tables: rows of TimescaleDB's catalog, by the table's name without its schema.
        relations: names of hypertables and continuous aggregates, by hypertable id.
    """
    found = []
    for job in tables.get("bgw_job", []):
        if job["proc_name"] == RETENTION and job["scheduled"] == "t":
            found.append(_expiring(job, tables, relations.get(job["hypertable_id"], "?")))
    return tuple(found)


def _expiring(job: Row, tables: Tables, relation: str) -> Expiring:
    config = json.loads(job.get("config") or "{}")
    config = config if isinstance(config, dict) else {}
    number = job["hypertable_id"]
    chunks = [
        chunk
        for chunk in tables.get("chunk", [])
        if chunk["hypertable_id"] == number and chunk.get("dropped", "f") != "t"
    ]
    by_creation = "drop_after" not in config
    after = str(config.get("drop_created_before" if by_creation else "drop_after", ""))
    if by_creation:
        return Expiring(int(job["id"] or 0), relation, after, True, tuple(map(_created, chunks)))
    kind, ranges = _ranges(tables, number)
    spans = tuple(ranges.get(chunk["id"]) for chunk in chunks)
    return Expiring(int(job["id"] or 0), relation, after, kind == _TIMES[0], spans)


def _created(chunk: Row) -> tuple[datetime, datetime] | None:
    try:
        at = datetime.fromisoformat(chunk.get("creation_time") or "")
    except ValueError:
        return None
    return (at, at) if at.tzinfo is not None else None


def _ranges(
    tables: Tables, hypertable: str | None
) -> tuple[str, Mapping[str | None, tuple[datetime, datetime] | None]]:
    """Return the type of a hypertable's time and each chunk's range of it."""
    times = [
        row
        for row in tables.get("dimension", [])
        if row["hypertable_id"] == hypertable and row.get("num_slices") is None
    ]
    if len(times) != 1 or times[0]["column_type"] not in _TIMES:
        return "", {}
    slices = [
        row for row in tables.get("dimension_slice", []) if row["dimension_id"] == times[0]["id"]
    ]
    return times[0]["column_type"] or "", _by_chunk(tables, slices)


def _by_chunk(
    tables: Tables, slices: list[Row]
) -> Mapping[str | None, tuple[datetime, datetime] | None]:
    """Return each chunk's range; from TimescaleDB 2.28 on a slice names its chunk itself."""
    if any("chunk_id" in row for row in slices):
        return {row["chunk_id"]: _span(row) for row in slices}
    spans = {row["id"]: _span(row) for row in slices}
    return {
        row["chunk_id"]: spans[row["dimension_slice_id"]]
        for row in tables.get("chunk_constraint", [])
        if row["dimension_slice_id"] in spans
    }


def _span(row: Row) -> tuple[datetime, datetime] | None:
    """Return a slice as times: TimescaleDB keeps microseconds since 1970."""
    try:
        start, end = (
            datetime.fromtimestamp(int(row[key] or "") // 1_000_000, UTC)
            for key in ("range_start", "range_end")
        )
    except (ValueError, OverflowError, OSError):
        return None  # the first and the last slice there can be have no such time
    return start, end


def threats(policies: tuple[Expiring, ...], now: datetime) -> tuple[str, ...]:
    """Name each policy that would drop something, or might, with the ages it goes by."""
    return tuple(sentence for policy in policies for sentence in _threat(policy, now))


def _threat(policy: Expiring, now: datetime) -> Iterator[str]:
    rule = f"job {policy.job} on {policy.relation} drops data older than {policy.after or '?'}"
    before = _before(policy.after, now)
    known = [span for span in policy.chunks if span is not None]
    if not policy.chunks:
        return
    if before is None or len(known) < len(policy.chunks):
        yield f"{rule}; the dump does not tell how many of its {_chunks(policy)} would go"
        return
    limit = before if policy.zoned else before + _ZONES
    going = sum(end <= limit for _, end in known)
    if going:
        newest, oldest = max(end for _, end in known), min(start for start, _ in known)
        yield (
            f"{rule}; the dump's newest chunk is {_age(newest, now)} old, its oldest "
            f"{_age(oldest, now)}: {going} of {_chunks(policy)} would go"
        )


def _chunks(policy: Expiring) -> str:
    return counted(len(policy.chunks), "chunk")


def _age(at: datetime, now: datetime) -> str:
    age = max(now - at, timedelta())
    return counted(age.days, "day") if age.days else counted(age.seconds // 3600, "hour")


def _before(interval: str, now: datetime) -> datetime | None:
    """Return now less an interval in PostgreSQL's own style, None where it is in another."""
    rest = _CLOCK.sub("", _PART.sub("", interval)).strip()
    parts = [(int(n), unit) for n, unit in _PART.findall(interval)]
    clock = _CLOCK.search(interval)
    if rest or not (parts or clock):
        return None
    seconds = sum(n * _SECONDS[unit] for n, unit in parts if unit in _SECONDS)
    if clock is not None:
        of_day = int(clock[2]) * 3600 + int(clock[3]) * 60 + int(clock[4] or 0)
        seconds += -of_day if clock[1] else of_day
    months = sum(n * _MONTHS[unit] for n, unit in parts if unit in _MONTHS)
    try:
        return _months_before(now, months) - timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None


def _months_before(at: datetime, months: int) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    for day in range(at.day, 0, -1):
        try:
            return at.replace(year=year, month=month + 1, day=day)
        except ValueError:
            if day <= 28:  # every month has that many: the year is out of range
                raise
    raise AssertionError("unreachable")
