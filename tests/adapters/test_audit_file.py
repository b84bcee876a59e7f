"""Where the file cannot be written or read, AuditUnavailable says why and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import Claim, Query
from bot.core.errors import AuditUnavailable, Refused
from tests.adapters.audit import START, SteppingClock, draft, intruder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@contextmanager
def opened(path: Path, writable: bool = True) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock(), writable=writable, busy_timeout=0.2)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def as_ordinary_user(directory: Path) -> Iterator[None]:
    """Root is stopped by no file mode: become nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    for each in (directory, *directory.iterdir()):
        os.chown(each, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that nobody can reach, too; pytest's own are root's."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_a_new_file_and_its_companions_are_for_the_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(path) as store:
            store.log.append(draft())
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"audit.db": 0o600, "audit.db-wal": 0o600, "audit.db-shm": 0o600}


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match=r"directory .*/nowhere does not exist; create it"):
        AuditStore(tmp_path / "nowhere" / "audit.db", SteppingClock())


def test_a_full_disk_stops_the_append_and_the_log_goes_on_when_there_is_room(path: Path) -> None:
    with opened(path) as store:
        first = store.log.append(draft())
        with store._file.writing() as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(AuditUnavailable, match="database or disk is full"):
            store.log.append(draft(output_tail="x" * 100_000))
        assert store.log.entries(Query()) == (first,)
        with store._file.writing() as db:
            db.execute("PRAGMA max_page_count = 1000000")
        store.log.append(draft(output_tail="x" * 100_000))
        assert store.log.verify().entries == 2


def test_a_write_the_system_refuses_stops_the_append_too(path: Path) -> None:
    resource = pytest.importorskip("resource")
    with opened(path) as store:
        store.log.append(draft())
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = path.with_name("audit.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            with pytest.raises(AuditUnavailable, match="disk I/O error"):
                store.log.append(draft())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        store.log.append(draft())
        assert store.log.verify().entries == 2


def test_a_log_locked_by_somebody_else_is_waited_for_and_then_reported(path: Path) -> None:
    with opened(path) as store, intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditUnavailable, match="database is locked"):
            store.log.append(draft())
        db.execute("ROLLBACK")
        store.log.append(draft())


def test_a_file_that_may_not_be_written_is_refused_at_the_start_and_still_readable(
    public: Path,
) -> None:
    path = public / "audit.db"
    with opened(path) as store:
        store.log.append(draft())
    path.chmod(0o400)
    with as_ordinary_user(public):
        with pytest.raises(AuditUnavailable, match="readonly"):
            AuditStore(path, SteppingClock())
        with opened(path, writable=False) as reader:
            assert reader.log.verify().entries == 1


def test_a_log_in_a_directory_that_may_not_be_written_can_be_read(public: Path) -> None:
    path = public / "audit.db"
    with opened(path) as store:
        store.log.append(draft())
    public.chmod(0o555)
    with as_ordinary_user(public):
        with opened(path, writable=False) as reader:
            assert len(reader.log.entries(Query())) == 1
        with pytest.raises(AuditUnavailable, match=r"other\.db cannot be created: Permission"):
            AuditStore(public / "other.db", SteppingClock())
    public.chmod(0o755)


def test_a_store_opened_for_reading_writes_nothing(path: Path) -> None:
    opened_once = AuditStore(path, SteppingClock())
    with opened(path, writable=False) as reader:
        with pytest.raises(AuditUnavailable, match="not open for writing"):
            reader.log.append(draft())
        with pytest.raises(AuditUnavailable, match="not open for writing"):
            reader.claims.take(Claim("shop", "r1", "Kim", START))
    opened_once.close()


def test_reading_a_log_that_is_not_there_makes_none(path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="There is no audit log at"):
        AuditStore(path, SteppingClock(), writable=False)
    assert not path.exists()


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_that_is_something_else_is_named_and_left_alone(path: Path, writable: bool) -> None:
    path.write_text("I am a letter to my grandmother. " * 100)
    with pytest.raises(AuditUnavailable, match=r"audit\.db is not a tsbot audit log\."):
        AuditStore(path, SteppingClock(), writable=writable)
    assert path.read_text().startswith("I am a letter")


def test_another_program_s_database_is_left_alone(path: Path) -> None:
    with intruder(path) as db:
        db.execute("CREATE TABLE recipes (name)")
    with pytest.raises(AuditUnavailable, match="is not a tsbot audit log"):
        AuditStore(path, SteppingClock())
    with intruder(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_log_of_a_newer_tsbot_is_not_touched(path: Path) -> None:
    with opened(path):
        pass
    with intruder(path) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(AuditUnavailable, match="schema version 9, written by another tsbot"):
        AuditStore(path, SteppingClock())


def test_a_damaged_file_is_reported_as_unavailable(path: Path) -> None:
    with opened(path) as store:
        for _ in range(40):
            store.log.append(draft(output_tail="x" * 1000))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(AuditUnavailable), opened(path) as store:
        store.log.verify()


def test_a_file_removed_or_replaced_under_the_bot_is_noticed_before_the_next_entry(
    path: Path,
) -> None:
    with opened(path) as store:
        store.log.append(draft())
        path.rename(path.with_name("gone.db"))
        with pytest.raises(AuditUnavailable, match="was removed or replaced"):
            store.log.append(draft())
        sqlite3.connect(path).close()
        with pytest.raises(AuditUnavailable, match="was removed or replaced"):
            store.log.append(draft())


def test_a_refusal_inside_a_transaction_stays_a_refusal_and_frees_the_lock(path: Path) -> None:
    with opened(path) as store:
        store.claims.take(Claim("shop", "r1", "Kim", START))
        with pytest.raises(Refused):
            store.claims.take(Claim("shop", "r2", "Lee", START))
        store.log.append(draft())


def test_a_closed_store_says_so_and_may_be_closed_again(path: Path) -> None:
    store = AuditStore(path, SteppingClock())
    store.close()
    store.close()
    with pytest.raises(AuditUnavailable, match="not open for writing"):
        store.log.append(draft())


def test_many_may_open_a_new_file_at_the_same_moment(path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: AuditStore(path, SteppingClock()), range(6)))
    for store in stores:
        store.log.append(draft())
    assert stores[0].log.verify().entries == 6
    for store in stores:
        store.close()
