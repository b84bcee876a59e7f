"""Claims, deliveries and deadlines outlive a restart and hold across processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import Claim, Deadline
from bot.core.errors import Refused
from tests.adapters.audit import START, SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def store(tmp_path: Path, clock: SteppingClock) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", clock)
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path, store: AuditStore, clock: SteppingClock) -> Iterator[AuditStore]:
    """The same file, opened a second time."""
    other = AuditStore(tmp_path / "audit.db", clock)
    yield other
    other.close()


SHOP = Claim("shop", "r1", "Kim", START)


def test_a_second_run_is_told_which_run_has_the_target_whose_it_is_and_since_when(
    store: AuditStore, other: AuditStore
) -> None:
    store.claims.take(SHOP)
    with pytest.raises(Refused) as caught:
        other.claims.take(Claim("shop", "r2", "Lee", START + timedelta(hours=1)))
    assert caught.value.code == "busy"
    assert caught.value.sentence.startswith(
        "shop is busy: run r1 of Kim has held it since 2026-01-31 08:00:00 UTC."
    )
    assert caught.value.sentence.endswith("or cancel it: “@tsbot cancel r1”.")
    assert other.claims.held() == (SHOP,)


def test_what_was_started_in_a_terminal_is_not_to_be_cancelled_by_a_mention(
    store: AuditStore,
) -> None:
    store.claims.take(Claim("shop", "r1", "cli:kim", START))
    with pytest.raises(Refused, match=r"or cancel it\.$"):
        store.claims.take(Claim("shop", "r2", "tsbot", START))


def test_the_same_run_may_take_its_claim_again(store: AuditStore) -> None:
    store.claims.take(SHOP)
    store.claims.take(Claim("shop", "r1", "Kim", START + timedelta(hours=1)))
    assert store.claims.held() == (SHOP,)


def test_only_the_run_that_holds_a_claim_gives_it_back(store: AuditStore) -> None:
    till = Claim("till", "r2", "Lee", START)
    store.claims.take(till)
    store.claims.take(SHOP)
    store.claims.release("shop", "r2")
    store.claims.release("nowhere", "r1")
    assert store.claims.held() == (SHOP, till)
    store.claims.release("shop", "r1")
    assert store.claims.held() == (till,)


def test_of_many_at_once_one_gets_the_target(store: AuditStore, other: AuditStore) -> None:
    def take(number: int) -> int:
        try:
            (store, other)[number % 2].claims.take(Claim("shop", f"r{number}", "Kim", START))
        except Refused:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(16))) == 1


def test_a_delivery_is_new_once_whichever_process_gets_it(
    store: AuditStore, other: AuditStore
) -> None:
    assert store.deliveries.first("Ev1")
    assert not other.deliveries.first("Ev1")
    assert other.deliveries.first("Ev2")


def test_a_delivery_without_an_id_is_always_new(store: AuditStore) -> None:
    assert store.deliveries.first("")
    assert store.deliveries.first("")


def test_a_delivery_is_forgotten_after_a_week_and_not_before(
    store: AuditStore, clock: SteppingClock
) -> None:
    store.deliveries.first("Ev1")
    clock.wait(timedelta(days=6).total_seconds())
    assert not store.deliveries.first("Ev1")
    clock.wait(timedelta(days=1, seconds=10).total_seconds())
    assert store.deliveries.first("Ev1")


def test_of_the_same_delivery_on_many_threads_one_is_new(store: AuditStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(store.deliveries.first, ["Ev1"] * 16)) == 1


def test_deadlines_come_back_after_a_restart_the_earliest_first(
    store: AuditStore, other: AuditStore
) -> None:
    late = Deadline("expiry:r1", "r1", START + timedelta(hours=2))
    soon = Deadline("reminder:r1", "r1", START + timedelta(hours=1))
    store.deadlines.put(late)
    store.deadlines.put(soon)
    store.close()
    assert other.deadlines.pending() == (soon, late)


def test_a_deadline_put_again_replaces_the_earlier_and_removing_is_harmless_twice(
    store: AuditStore,
) -> None:
    store.deadlines.put(Deadline("k", "r1", START))
    moved = Deadline("k", "r2", START + timedelta(minutes=5))
    store.deadlines.put(moved)
    assert store.deadlines.pending() == (moved,)
    store.deadlines.remove("k")
    store.deadlines.remove("k")
    assert store.deadlines.pending() == ()
