"""The log keeps what was written, in order, without secrets, and shows what was tampered with."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import GENESIS, Entry, Phase, Query, entry_hash
from bot.core.redaction import REDACTED, Secrets
from tests.adapters.audit import START, SteppingClock, draft, intruder, without_triggers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock())
    yield store
    store.close()


def fill(store: AuditStore, count: int) -> list[Entry]:
    return [store.log.append(draft(f"step {number}")) for number in range(1, count + 1)]


def test_what_is_appended_is_read_back_with_every_field(store: AuditStore) -> None:
    given = draft(
        "vote",
        status="ok",
        actor_id="U1",
        actor_name="Kim 김",
        channel="C1",
        target="shop",
        backup="shop.dump",
        digest="abc",
        duration_ms=1234,
        arguments="latest shop",
        detail={"b": [1, 2.5, None, True], "a": {"ü": "✅"}},
        output_tail="line 1\nline 2",
    )
    entry = store.log.append(given)
    assert store.log.entries(Query()) == (entry,)
    assert entry.draft == given
    assert entry.at.tzinfo is UTC


def test_the_chain_begins_with_the_genesis_hash_and_each_entry_follows_the_one_before(
    store: AuditStore,
) -> None:
    first, second = fill(store, 2)
    assert (first.id, first.prev_hash) == (1, GENESIS)
    assert (second.id, second.prev_hash) == (2, first.hash)
    assert second.hash == entry_hash(2, second.at, second.draft, first.hash)


def test_the_chain_goes_on_after_the_store_was_closed_and_opened_again(path: Path) -> None:
    for _ in range(2):
        store = AuditStore(path, SteppingClock())
        fill(store, 2)
        store.close()
    reopened = AuditStore(path, SteppingClock())
    assert reopened.log.verify().entries == 4
    assert reopened.log.verify().intact
    reopened.close()


def test_tuples_sets_times_and_odd_numbers_in_the_detail_become_json(store: AuditStore) -> None:
    detail = {
        "tuple": (1, ("a",)),
        "set": frozenset({"b", "a"}),
        "at": START,
        "took": timedelta(seconds=2),
        "nan": float("nan"),
        3: Phase.NOTE,
    }
    store.log.append(draft(detail=detail))
    assert store.log.entries(Query())[0].draft.detail == {
        "tuple": [1, ["a"]],
        "set": ["a", "b"],
        "at": START.isoformat(),
        "took": 2.0,
        "nan": "nan",
        "3": "note",
    }
    assert store.log.verify().intact


def test_a_detail_that_is_no_json_is_an_error_and_writes_nothing(store: AuditStore) -> None:
    with pytest.raises(TypeError, match="cannot hold a object"):
        store.log.append(draft(detail={"x": object()}))
    assert store.log.entries(Query()) == ()


def test_a_file_name_that_is_no_utf8_can_be_logged(store: AuditStore) -> None:
    store.log.append(draft(backup="shop\udcff.dump"))
    assert store.log.entries(Query())[0].draft.backup == "shop\ufffd.dump"


def test_a_query_takes_run_prefix_person_target_action_time_and_the_newest(
    store: AuditStore,
) -> None:
    one = store.log.append(draft("a", "run-1", actor_id="U1", target="shop"))
    two = store.log.append(draft("b", "run-12", actor_id="U2", target="shop"))
    three = store.log.append(draft("a", "other%", actor_id="U1", target="till"))
    log = store.log
    assert log.entries(Query(run_id="run-1")) == (one, two)
    assert log.entries(Query(run_id="%")) == ()
    assert log.entries(Query(actor_id="U1")) == (one, three)
    assert log.entries(Query(target="shop", action="b")) == (two,)
    assert log.entries(Query(newest=2)) == (two, three)
    seoul = two.at.astimezone(timezone(timedelta(hours=9)))
    assert log.entries(Query(since=seoul)) == (two, three)


def test_a_reader_between_two_entries_does_not_hold_up_the_next_append(store: AuditStore) -> None:
    fill(store, 3)
    seen = []
    for entry in store.log.entries(Query()):
        seen.append(store.log.append(draft(f"after {entry.id}")).id)
    assert seen == [4, 5, 6]


def test_a_log_can_be_read_and_verified_by_another_process_while_it_is_written(
    store: AuditStore, path: Path
) -> None:
    fill(store, 2)
    code = (
        "import sys\n"
        "from bot.adapters.audit_log import AuditStore\n"
        "from bot.adapters.clock import SystemClock\n"
        "store = AuditStore(sys.argv[1], SystemClock(), writable=False)\n"
        "print(store.log.verify().entries)\n"
    )
    with store._file.writing():  # a write is under way all the while
        seen = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert seen.stdout == b"2\n"


def test_threads_and_two_processes_append_at_once_and_the_chain_stays_whole(path: Path) -> None:
    code = (
        "import sys\n"
        "from bot.adapters.audit_log import AuditStore\n"
        "from bot.adapters.clock import SystemClock\n"
        "from bot.core.audit import Draft, Phase\n"
        "store = AuditStore(sys.argv[1], SystemClock())\n"
        "for n in range(25): store.log.append(Draft(f'process {n}', Phase.NOTE))\n"
        "store.close()\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(2)]
    store = AuditStore(path, SteppingClock())
    with ThreadPoolExecutor(8) as pool:
        numbers = [e.id for e in pool.map(lambda n: store.log.append(draft(f"{n}")), range(50))]
    assert [other.wait(60) for other in others] == [0, 0]
    found = store.log.verify()
    store.close()
    assert (found.entries, found.intact) == (100, True)
    assert len(set(numbers)) == 50


def test_many_threads_may_read_while_others_write(store: AuditStore) -> None:
    stop, broken = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            broken.extend([v.problem] if not (v := store.log.verify()).intact else [])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    fill(store, 40)
    stop.set()
    for reader in readers:
        reader.join()
    assert broken == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET status = 'ok' WHERE id = 2",
        "DELETE FROM entries WHERE id = 3",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT 2, at, duration_ms, action, phase, status, run_id,"
        " actor_id, actor_name, channel, target, backup, digest, arguments, detail, output_tail,"
        " prev_hash, hash FROM entries WHERE id = 3",
        "UPDATE OR REPLACE entries SET id = 1 WHERE id = 2",
    ],
)
def test_the_file_itself_refuses_to_change_or_delete_an_entry(
    store: AuditStore, path: Path, statement: str
) -> None:
    before = fill(store, 3)
    with intruder(path) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    assert list(store.log.entries(Query())) == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE entries SET actor_id = 'U9' WHERE id = 2", "Entry 2 was changed after"),
        ("UPDATE entries SET duration_ms = 1 WHERE id = 2", "Entry 2 was changed after"),
        ("UPDATE entries SET detail = '{ }' WHERE id = 2", "Entry 2 was changed: its detail"),
        ("UPDATE entries SET detail = 'x' WHERE id = 2", "Entry 2 was changed"),
        ("UPDATE entries SET at = '2026-01-31' WHERE id = 2", "Entry 2 was changed: its time"),
        ("UPDATE entries SET phase = 'x' WHERE id = 2", "Entry 2 was changed"),
        ("UPDATE entries SET action = x'ff00' WHERE id = 2", "Entry 2 was changed"),
        ("UPDATE entries SET action = CAST(x'ff' AS TEXT) WHERE id = 2", "Entry 2 was changed"),
        ("UPDATE entries SET prev_hash = hash WHERE id = 2", "Entry 2 does not follow"),
        ("DELETE FROM entries WHERE id = 1", "Entry 1 is missing"),
    ],
)
def test_a_changed_row_is_named_by_the_verification(
    store: AuditStore, path: Path, change: str, named: str
) -> None:
    fill(store, 4)
    without_triggers(path, change)
    found = store.log.verify()
    assert found.broken_at == 2
    assert named in found.problem


def test_a_row_deleted_from_the_middle_is_noticed(store: AuditStore, path: Path) -> None:
    fill(store, 4)
    without_triggers(path, "DELETE FROM entries WHERE id = 2")
    found = store.log.verify()
    assert (found.entries, found.broken_at) == (1, 3)
    assert found.problem == "Entry 2 is missing: 3 comes after 1."


def test_closing_the_gap_after_a_deletion_is_noticed_too(store: AuditStore, path: Path) -> None:
    fill(store, 4)
    without_triggers(
        path,
        "DELETE FROM entries WHERE id = 2",
        "UPDATE entries SET id = 2 WHERE id = 3",
        "UPDATE entries SET id = 3 WHERE id = 4",
    )
    assert store.log.verify().broken_at == 2


def test_a_cut_tail_shows_only_against_a_head_kept_elsewhere(store: AuditStore, path: Path) -> None:
    head = fill(store, 4)[-1].hash
    assert store.log.verify(head).intact
    without_triggers(path, "DELETE FROM entries WHERE id = 4")
    assert store.log.verify().intact
    found = store.log.verify(head)
    assert not found.intact
    assert "cut off after entry 3" in found.problem


def test_an_earlier_head_or_the_beginning_of_one_still_counts(store: AuditStore) -> None:
    earlier = fill(store, 3)[0].hash
    assert store.log.verify(earlier[:16].upper()).intact


def test_a_removed_trigger_is_reported_though_every_row_fits(store: AuditStore, path: Path) -> None:
    fill(store, 2)
    with intruder(path) as db:
        db.execute("DROP TRIGGER entries_no_delete")
    assert "entries_no_delete" in store.log.verify().problem


def test_an_empty_log_is_intact(store: AuditStore) -> None:
    found = store.log.verify()
    assert (found.intact, found.entries, found.head) == (True, 0, GENESIS)


def test_no_secret_is_in_the_bytes_of_the_file(path: Path) -> None:
    secrets = {"hunter2-hunter2": "known", "xoxb-123-SLACKPART": "pattern", "sqlpart": "literal"}
    store = AuditStore(path, SteppingClock(), Secrets(["hunter2-hunter2"]).clean)
    everything = "hunter2-hunter2 xoxb-123-SLACKPART ALTER ROLE a PASSWORD 'sqlpart'"
    store.log.append(
        draft(
            everything,
            actor_name=everything,
            target=everything,
            backup=everything,
            arguments=everything,
            detail={"deep": [{"er": (everything,)}], everything: 1},
            output_tail=f"\x1b[31m{everything}",
        )
    )
    files = [path, path.with_name("audit.db-wal")]
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    written = b"".join(
        # read by another process: closing the file in this one would drop SQLite's locks
        subprocess.run([sys.executable, "-c", code, f], capture_output=True, check=True).stdout
        for f in files
    )
    store.close()
    assert REDACTED.encode() in written
    assert [s for s in secrets if s.encode() in written or s.encode() in path.read_bytes()] == []


def test_without_being_told_any_secret_the_log_still_drops_what_looks_like_one(
    store: AuditStore,
) -> None:
    entry = store.log.append(draft(output_tail="\x1b[1mpostgres://app:hunter2@db/x\x1b[0m"))
    assert entry.draft.output_tail == f"postgres://app:{REDACTED}@db/x"


def test_the_schema_is_versioned_indexed_and_in_wal_mode_with_utc_times(
    store: AuditStore, path: Path
) -> None:
    store.log.append(draft())
    with intruder(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        names = {r[1] for r in db.execute("PRAGMA index_list(entries)")}
        assert names == {"idx_entries_run_id", "idx_entries_actor_id", "idx_entries_at"}
        at = db.execute("SELECT at FROM entries").fetchone()[0]
    assert datetime.fromisoformat(at) == START + timedelta(seconds=1)
    with store._file.writing() as writing:
        assert writing.execute("PRAGMA synchronous").fetchone() == (2,)
