"""Whether a run's process lives is told by a lock that no death leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.audit_log.marks import RunMarks
from bot.core.audit import Claim
from bot.core.errors import AuditUnavailable, Refused
from tests.adapters.audit import START, SteppingClock

SHOP = Claim("shop", "r1", "Kim", START)
CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())) as store:
        yield store


@pytest.fixture
def other(store: AuditStore, tmp_path: Path) -> Iterator[AuditStore]:
    """The same file, opened a second time."""
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())) as other:
        yield other


def hold(path: Path, ready: Connection) -> None:
    """Claim the shop and wait to be killed."""
    AuditStore(path, SteppingClock()).claims.take(SHOP)
    ready.send("held")
    signal.pause()


def test_a_claim_outlives_a_killed_process_and_its_sign_of_life_does_not(
    store: AuditStore, tmp_path: Path
) -> None:
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=hold, args=(tmp_path / "audit.db", sender))
    process.start()
    with receiver, sender:
        assert receiver.poll(20)
    assert store.claims.alive("r1")
    process.kill()
    process.join()
    assert (store.claims.held(), store.claims.alive("r1")) == ((SHOP,), False)
    store.claims.take(SHOP)
    assert store.claims.alive("r1")


def test_a_run_lives_as_long_as_its_claim(store: AuditStore, other: AuditStore) -> None:
    assert not other.claims.alive("r1")
    store.claims.take(SHOP)
    store.claims.take(SHOP)
    assert store.claims.alive("r1")
    assert other.claims.alive("r1")
    store.claims.release("shop", "r1")
    assert not other.claims.alive("r1")


def test_two_processes_cannot_both_take_up_a_run(store: AuditStore, other: AuditStore) -> None:
    store.claims.take(SHOP)
    with pytest.raises(Refused) as caught:
        other.claims.take(SHOP)
    assert caught.value.code == "at_work"
    assert store.claims.alive("r1")


def test_a_run_that_did_not_get_its_target_leaves_no_sign_of_life(
    store: AuditStore, other: AuditStore, tmp_path: Path
) -> None:
    store.claims.take(SHOP)
    with pytest.raises(Refused):
        other.claims.take(Claim("shop", "r2", "Lee", START))
    assert [path.name for path in tmp_path.glob("*.alive")] == ["audit.r1.alive"]


def test_a_closed_store_is_a_dead_one_and_leaves_its_claim(
    store: AuditStore, tmp_path: Path
) -> None:
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())) as short:
        short.claims.take(SHOP)
    assert (store.claims.held(), store.claims.alive("r1")) == ((SHOP,), False)
    store.claims.release("shop", "r1")
    assert list(tmp_path.glob("*.alive")) == []


def test_a_mark_that_cannot_be_made_claims_nothing(tmp_path: Path) -> None:
    marks = RunMarks(tmp_path / "nowhere" / "audit.db")
    with pytest.raises(AuditUnavailable, match=r"audit\.r1\.alive is unavailable: No such file"):
        marks.put("r1")


def test_a_mark_that_cannot_be_looked_at_is_no_proof_of_death(tmp_path: Path) -> None:
    loop = tmp_path / "audit.r1.alive"
    loop.symlink_to(loop)
    with pytest.raises(AuditUnavailable, match="Too many levels"):
        RunMarks(tmp_path / "audit.db").alive("r1")


def test_a_claim_that_cannot_be_given_back_does_not_count_as_alive(
    store: AuditStore, other: AuditStore, tmp_path: Path
) -> None:
    store.claims.take(SHOP)
    (tmp_path / "audit.db").rename(tmp_path / "away.db")
    with pytest.raises(AuditUnavailable):
        store.claims.release("shop", "r1")
    (tmp_path / "away.db").rename(tmp_path / "audit.db")
    assert (other.claims.held(), other.claims.alive("r1")) == ((SHOP,), False)


def test_a_mark_that_was_taken_away_in_the_same_moment_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.r1.alive"
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())):
        first, second = (RunMarks(tmp_path / "audit.db") for _ in range(2))
        first.put("r1")
        leaving = threading.Timer(0.3, first.remove, ["r1"])
        leaving.start()
        second.put("r1")  # it waits for a lock on a file that is gone by then
        leaving.join()
        assert path.exists()
        assert RunMarks(tmp_path / "audit.db").alive("r1")
        second.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_root_leaves_no_mark_that_the_log_s_owner_cannot_look_at(tmp_path: Path) -> None:
    with closing(AuditStore(tmp_path / "audit.db", SteppingClock())) as store:
        os.chown(tmp_path / "audit.db", 65534, 65534)
        store.claims.take(SHOP)
        assert (tmp_path / "audit.r1.alive").stat().st_uid == 65534
        store.claims.release("shop", "r1")
