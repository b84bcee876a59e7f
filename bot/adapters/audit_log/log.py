"""The append-only log: entries chained by their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlite_utils import Database
from sqlite_utils.db import Table

from bot.adapters.audit_log import rows, schema
from bot.adapters.audit_log.file import AuditFile
from bot.core.audit import GENESIS, Draft, Entry, Head, Query, Verification, entry_hash
from bot.core.errors import AuditUnavailable
from bot.core.ports.time import Clock


class SqliteAuditLog:
    """Implements the port AuditLog.

    Args:
        file: the open file.
        clock: gives each entry its time.
        clean: removes secrets and what is unsafe from every text before it is written.
    """

    def __init__(self, file: AuditFile, clock: Clock, clean: rows.Clean) -> None:
        self._file = file
        self._clock = clock
        self._clean = clean

    def append(self, draft: Draft) -> Entry:
        """Commit one entry, durable when this returns.

        Raises:
            AuditUnavailable: it could not be written, or is not there as it was written; the log is
                as before.
            TypeError: the detail holds what JSON cannot.
        """
        draft = rows.cleaned(draft, self._clean)
        with self._file.writing() as db:
            table = _table(db)
            last = next(table.rows_where(order_by="id desc", limit=1), None)
            number = last["id"] + 1 if last else 1
            prev_hash = last["hash"] if last else GENESIS
            at = self._clock.now().astimezone(UTC)
            digest = entry_hash(number, at, draft, prev_hash)
            entry = Entry(number, at, draft, prev_hash, digest)
            row = rows.as_row(entry)
            table.insert(row)
            _require_kept(table, row)
        return entry

    def entries(self, query: Query) -> tuple[Entry, ...]:
        """Return the entries that match, oldest first."""
        where, values = _condition(query)
        with self._file.reading() as db:
            found = _table(db).rows_where(where, values, order_by="id desc", limit=query.newest)
            return tuple(_read(row) for row in found)[::-1]

    def verify(self, head: str = "", witnessed: Sequence[Head] = ()) -> Verification:
        """Recompute the chain.

        Args:
            head: a hash posted elsewhere that must be in the chain, so that a cut tail shows; its
                beginning is enough.
            witnessed: heads kept elsewhere; each must be its entry's hash.
        """
        with self._file.reading() as db:
            if problem := schema.not_the_table(db):
                return Verification(0, GENESIS, None, problem)
            verification = _walk(db, head.lower(), witnessed)
            problem = schema.wrong_triggers(db)
        if verification.intact and problem:
            return Verification(verification.entries, verification.head, None, problem)
        return verification


def _table(db: Database) -> Table:
    if problem := schema.not_the_table(db):
        raise AuditUnavailable(problem)
    return db.table("entries")


def _require_kept(table: Table, row: Mapping[str, Any]) -> None:
    """Read a row back: a trigger in the file can swallow or change it without an error."""
    number = row["id"]
    if next(table.rows_where("id = ?", [number]), None) != row:
        raise AuditUnavailable(
            f"The audit log did not keep entry {number} as it was written: somebody has changed "
            "its triggers or its table; `tsbot audit verify` says more."
        )


def _condition(query: Query) -> tuple[str, dict[str, str]]:
    since = query.since.astimezone(UTC) if query.since else None
    parts = {
        "run_id >= :run_id AND run_id < :run_id || char(0x10ffff)": ("run_id", query.run_id),
        "actor_id = :actor_id": ("actor_id", query.actor_id),
        "target = :target": ("target", query.target),
        "action = :action": ("action", query.action),
        "at >= :since": (
            "since",
            since.isoformat(timespec="microseconds") if since else "",
        ),
    }
    used = {sql: pair for sql, pair in parts.items() if pair[1]}
    return " AND ".join(used) or "1", dict(used.values())


def _read(row: Mapping[str, Any]) -> Entry:
    try:
        return rows.from_row(row)
    except (ValueError, TypeError) as error:
        raise AuditUnavailable(
            f"Entry {row['id']} of the audit log cannot be read ({error}); `tsbot audit verify` "
            "checks the whole log."
        ) from error


def _walk(db: Database, head: str, witnessed: Sequence[Head]) -> Verification:
    previous, count, seen = GENESIS, 0, not head
    told = {kept.entry: kept for kept in witnessed}
    twice = next((kept for kept in witnessed if told[kept.entry].hash != kept.hash), None)
    for expected, row in enumerate(_in_order(db), start=1):
        if problem := _misfit(row, expected, previous) or _denied(row, told.get(expected), twice):
            return Verification(count, previous, int(row["id"]), problem)
        previous, count = row["hash"], expected
        seen = seen or previous.startswith(head)
    if problem := _cut(count, "" if seen else head, told):
        return Verification(count, previous, None, problem)
    return Verification(count, previous)


def _denied(row: Mapping[str, Any], kept: Head | None, twice: Head | None) -> str:
    """Say what speaks against an entry that fits the chain but not what was witnessed."""
    if kept is None:
        return ""
    if twice is not None and twice.entry == kept.entry:
        return f"Entry {kept.entry} was witnessed with two different hashes."
    if row["hash"] == kept.hash:
        return ""
    return (
        f"Entry {kept.entry} is not the one that was witnessed on {kept.at:%Y-%m-%d %H:%M:%S} UTC: "
        "it, or one before it, was changed, and the chain computed anew."
    )


def _cut(count: int, head: str, told: Mapping[int, Head]) -> str:
    """Say what shows that entries after the last one are gone."""
    if beyond := next((kept for kept in told.values() if kept.entry > count), None):
        return (
            f"The log was cut off after entry {count}: entry {beyond.entry} was witnessed on "
            f"{beyond.at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if not head:
        return ""
    return (
        f"No entry has the hash {head}: the log was cut off after entry {count}, or is another one."
    )


def _in_order(db: Database) -> Iterator[dict[str, Any]]:
    return db.table("entries").rows_where(order_by="id")


def _misfit(row: Mapping[str, Any], expected: int, previous: str) -> str:
    number = row["id"]
    if number != expected:
        return f"Entry {expected} is missing: {number} comes after {expected - 1}."
    if row["prev_hash"] != previous:
        return f"Entry {number} does not follow the entry before it."
    try:
        entry = rows.from_row(row)
        computed = entry_hash(entry.id, entry.at, entry.draft, entry.prev_hash)
    except (ValueError, TypeError) as error:
        return f"Entry {number} was changed: {error}."
    if computed != entry.hash:
        return f"Entry {number} was changed after it was written."
    return ""
