"""Deadlines fire once, on time or late, and never by accident."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.timers import BackgroundTimers

SOON = timedelta(milliseconds=80)


@pytest.fixture
def timers() -> Iterator[BackgroundTimers]:
    timers = BackgroundTimers()
    yield timers
    timers.close()


def test_a_call_comes_at_its_time_and_not_before(timers: BackgroundTimers) -> None:
    called, came = threading.Event(), []
    when = SystemClock().now() + SOON

    def call() -> None:
        came.append(SystemClock().now())
        called.set()

    timers.at(when, "expiry:1", call)
    assert called.wait(5)
    assert came[0] >= when


def test_a_deadline_missed_by_days_fires_at_once(timers: BackgroundTimers) -> None:
    called = threading.Event()
    timers.at(SystemClock().now() - timedelta(days=3), "expiry:1", called.set)
    assert called.wait(5)


def test_the_same_key_replaces_the_earlier_call(timers: BackgroundTimers) -> None:
    first, second = threading.Event(), threading.Event()
    timers.at(SystemClock().now() + SOON, "k", first.set)
    timers.at(SystemClock().now() + SOON, "k", second.set)
    assert second.wait(5)
    assert not first.is_set()


def test_a_cancelled_call_never_comes_and_cancelling_twice_is_harmless(
    timers: BackgroundTimers,
) -> None:
    cancelled, later = threading.Event(), threading.Event()
    timers.at(SystemClock().now() + SOON, "k", cancelled.set)
    timers.cancel("k")
    timers.cancel("k")
    timers.at(SystemClock().now() + 2 * SOON, "later", later.set)
    assert later.wait(5)
    assert not cancelled.is_set()


def test_a_call_may_arm_its_own_key_again_while_it_still_runs(timers: BackgroundTimers) -> None:
    again = threading.Event()

    def call() -> None:
        timers.at(SystemClock().now(), "k", again.set)
        again.wait(5)

    timers.at(SystemClock().now(), "k", call)
    assert again.wait(5)


def test_a_call_that_fails_stops_no_other(
    timers: BackgroundTimers, caplog: pytest.LogCaptureFixture
) -> None:
    after = threading.Event()
    timers.at(SystemClock().now(), "bad", lambda: print(1 / 0))  # noqa: T201
    timers.at(SystemClock().now() + SOON, "good", after.set)
    assert after.wait(5)
    assert "ZeroDivisionError" in caplog.text


def test_a_time_without_a_zone_is_an_error(timers: BackgroundTimers) -> None:
    with pytest.raises(ValueError, match="expiry:1 has no zone"):
        timers.at(datetime(2026, 1, 1), "expiry:1", lambda: None)


def test_closing_waits_for_a_call_that_has_begun_and_may_be_repeated() -> None:
    timers = BackgroundTimers()
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        go_on.wait(5)
        done.set()

    timers.at(SystemClock().now(), "k", call)
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    timers.close()
    assert done.is_set()
    timers.close()


def test_a_call_that_arms_and_cancels_while_the_timers_close_does_not_block_them() -> None:
    timers = BackgroundTimers()
    begun, go_on = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        go_on.wait(5)
        timers.at(SystemClock().now(), "k", call)
        timers.cancel("k")

    timers.at(SystemClock().now(), "k", call)
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    closing = threading.Thread(target=timers.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()


def test_closing_right_after_a_call_came_is_quiet() -> None:
    for _ in range(20):
        timers, called = BackgroundTimers(), threading.Event()
        timers.at(SystemClock().now(), "k", called.set)
        assert called.wait(5)
        timers.close()


def test_the_clock_is_in_utc_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.wait(0.01)
    clock.wait(-1)
    assert clock.now() - before >= timedelta(milliseconds=10)
    assert before.tzinfo is UTC
