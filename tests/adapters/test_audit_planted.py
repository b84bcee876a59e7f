"""What somebody plants in the file: no entry is lost in silence, and the verification names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import Query
from bot.core.errors import AuditUnavailable
from tests.adapters.audit import SteppingClock, draft, intruder

SILENT = """
CREATE TRIGGER silent BEFORE INSERT ON {table} WHEN NEW.actor_id = 'UEVIL'
BEGIN SELECT RAISE(IGNORE); END
"""
REWRITING = """
DROP TRIGGER entries_no_update;
CREATE TRIGGER rewriting AFTER INSERT ON entries WHEN NEW.actor_id = 'UEVIL'
BEGIN UPDATE entries SET {column} = 'x' WHERE id = NEW.id; END
"""
TAKING_ALONG = """
CREATE TRIGGER ignoring AFTER INSERT ON deadlines BEGIN SELECT 1; END;
DROP TRIGGER entries_no_delete;
CREATE TRIGGER taking AFTER INSERT ON entries WHEN NEW.actor_id = 'UEVIL'
BEGIN INSERT INTO deliveries VALUES ('planted', 'now'); DELETE FROM entries WHERE id = NEW.id; END
"""
VIEW = """
ALTER TABLE entries RENAME TO kept;
CREATE VIEW entries AS SELECT * FROM kept;
CREATE TRIGGER into_kept INSTEAD OF INSERT ON entries
BEGIN INSERT INTO kept SELECT NEW.* WHERE NEW.actor_id <> 'UEVIL'; END
"""
VIRTUAL = """
ALTER TABLE entries RENAME TO kept;
CREATE VIRTUAL TABLE entries USING fts5(id)
"""
GONE = "ALTER TABLE entries RENAME TO kept"
OTHER_CASE = "ALTER TABLE entries RENAME TO kept; ALTER TABLE kept RENAME TO Entries"
NO_TABLE = {"view": VIEW, "virtual": VIRTUAL, "gone": GONE, "other name": OTHER_CASE}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock(), busy_timeout=0.2)
    yield store
    store.close()


def plant(path: Path, code: str) -> None:
    with intruder(path) as db:
        db.executescript(code)


@pytest.mark.parametrize(
    "code",
    [
        SILENT.format(table="entries"),
        REWRITING.format(column="hash"),
        REWRITING.format(column="actor_name"),
        TAKING_ALONG,
    ],
)
def test_an_entry_that_a_planted_trigger_swallows_or_changes_is_not_taken_for_written(
    store: AuditStore, path: Path, code: str
) -> None:
    first = store.log.append(draft())
    plant(path, code)
    with pytest.raises(AuditUnavailable, match="did not keep entry 2 as it was written"):
        store.log.append(draft(actor_id="UEVIL"))
    assert store.log.entries(Query()) == (first,)
    with intruder(path) as db:
        assert db.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)
    assert store.log.append(draft(actor_id="UGOOD")).id == 2


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (SILENT.format(table="entries"), "silent"),
        (SILENT.format(table="ENTRIES"), "silent"),
        (TAKING_ALONG, "ignoring, taking"),
    ],
)
def test_a_trigger_that_is_not_ours_is_reported_though_every_row_fits(
    store: AuditStore, path: Path, code: str, name: str
) -> None:
    store.log.append(draft())
    plant(path, code)
    found = store.log.verify()
    assert (found.entries, found.intact) == (1, False)
    assert f"triggers that are not tsbot's: {name}." in found.problem


def test_removed_and_planted_triggers_are_reported_together(store: AuditStore, path: Path) -> None:
    plant(path, TAKING_ALONG)
    problem = store.log.verify().problem
    assert "removed or altered: entries_no_delete. " in problem
    assert "not tsbot's: ignoring, taking." in problem


def test_a_temporary_trigger_of_somebody_else_s_session_is_none_of_the_log(
    store: AuditStore, path: Path
) -> None:
    with intruder(path) as db:
        db.execute(SILENT.format(table="main.entries").replace("TRIGGER", "TEMP TRIGGER"))
        store.log.append(draft(actor_id="UEVIL"))
        found = store.log.verify()
    assert (found.entries, found.intact) == (1, True)


@pytest.mark.parametrize("code", NO_TABLE.values(), ids=list(NO_TABLE))
def test_entries_that_are_no_table_any_more_are_named_by_the_verification(
    store: AuditStore, path: Path, code: str
) -> None:
    store.log.append(draft())
    plant(path, code)
    reader = AuditStore(path, SteppingClock(), writable=False)
    for log in (store.log, reader.log):
        found = log.verify()
        assert (found.entries, found.intact) == (0, False)
        assert "`entries` is not the table" in found.problem
    reader.close()


@pytest.mark.parametrize("code", NO_TABLE.values(), ids=list(NO_TABLE))
def test_entries_that_are_no_table_any_more_are_neither_written_nor_read(
    store: AuditStore, path: Path, code: str
) -> None:
    store.log.append(draft())
    plant(path, code)
    with pytest.raises(AuditUnavailable, match="`entries` is not the table"):
        store.log.append(draft())
    with pytest.raises(AuditUnavailable, match="`entries` is not the table"):
        store.log.entries(Query())
    with pytest.raises(AuditUnavailable, match="`entries` is not the table"):
        AuditStore(path, SteppingClock(), busy_timeout=0.2)
