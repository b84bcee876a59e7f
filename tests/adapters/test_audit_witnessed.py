"""A log is held against heads that were kept elsewhere: what the chain alone cannot show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore, rows
from bot.core.audit import GENESIS, Head, Query, entry_hash
from bot.core.heads import head_of
from tests.adapters.audit import SteppingClock, draft, intruder, without_triggers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock())
    yield store
    store.close()


@pytest.fixture
def heads(store: AuditStore) -> list[Head]:
    """What a witness kept of a log of six entries: the third's and the last one's."""
    entries = [store.log.append(draft(f"step {number}")) for number in range(1, 7)]
    return [head_of(entries[2]), head_of(entries[5])]


def forge(path: Path, number: int) -> None:
    """Change an entry as somebody who owns the file does: the chain is computed anew from there."""
    with intruder(path) as db:
        db.row_factory = sqlite3.Row
        found = db.execute("SELECT * FROM entries ORDER BY id").fetchall()
    statements, previous = [], GENESIS
    for row in found:
        entry = rows.from_row(dict(row) | {"prev_hash": previous})
        if entry.id == number:
            entry = replace(entry, draft=replace(entry.draft, status="forged"))
        previous_of, previous = previous, entry_hash(entry.id, entry.at, entry.draft, previous)
        statements.append(
            f"UPDATE entries SET status = '{entry.draft.status}', prev_hash = '{previous_of}',"
            f" hash = '{previous}' WHERE id = {entry.id}"
        )
    without_triggers(path, *statements)


def test_an_untouched_log_fits_all_that_was_witnessed(store: AuditStore, heads: list[Head]) -> None:
    assert store.log.verify("", heads).intact
    assert store.log.verify(heads[0].hash, [*heads, *heads]).intact


def test_a_chain_computed_anew_is_intact_in_itself_and_denied_by_the_witness(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    forge(path, 5)
    assert store.log.entries(Query())[4].draft.status == "forged"
    assert store.log.verify().intact
    found = store.log.verify("", heads)
    assert (found.broken_at, found.entries) == (6, 5)
    assert found.problem.startswith(
        "Entry 6 is not the one that was witnessed on 2026-01-31 08:00:"
    )
    assert not store.log.verify(heads[1].hash).intact


def test_the_first_entry_that_was_forged_is_between_two_witnessed_ones(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    forge(path, 2)
    assert store.log.verify("", heads).broken_at == 3


def test_an_end_that_was_cut_off_is_named_by_the_witness(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    without_triggers(path, "DELETE FROM entries WHERE id > 4")
    assert store.log.verify().intact
    found = store.log.verify("", heads)
    assert (found.broken_at, found.entries) == (None, 4)
    assert found.problem.startswith("The log was cut off after entry 4: entry 6 was witnessed on ")


def test_an_end_that_was_cut_off_and_grew_again_is_named_too(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    without_triggers(path, "DELETE FROM entries WHERE id > 5")
    store.log.append(draft("something harmless"))
    assert store.log.verify().intact
    assert store.log.verify("", heads).broken_at == 6


def test_an_entry_that_does_not_fit_the_chain_is_named_before_the_witness_is_asked(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    without_triggers(path, "UPDATE entries SET status = 'ok' WHERE id = 2")
    found = store.log.verify("", heads)
    assert (found.broken_at, found.problem) == (2, "Entry 2 was changed after it was written.")


def test_one_entry_witnessed_with_two_hashes_is_named(store: AuditStore, heads: list[Head]) -> None:
    other = replace(heads[0], hash="cd" * 32)
    for both in ([*heads, other], [other, *heads]):
        found = store.log.verify("", both)
        assert (found.broken_at, found.problem) == (
            3,
            "Entry 3 was witnessed with two different hashes.",
        )


def test_forging_is_possible_at_all_for_who_owns_the_file(
    store: AuditStore, heads: list[Head], path: Path
) -> None:
    forge(path, 1)
    with intruder(path) as db:
        [(status, detail)] = db.execute("SELECT status, detail FROM entries WHERE id = 1")
    assert (status, json.loads(detail)) == ("forged", {})
    assert store.log.verify().head != heads[1].hash
