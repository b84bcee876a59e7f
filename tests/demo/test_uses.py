"""The demo's downtime is read off an application's own log."""

import time

from bot.sandbox.demo.uses import longest_gap, uses
from bot.sandbox.engine.logs import Log


def say(log: Log, *lines: str) -> None:
    log.write(1, "".join(f"{line}\n" for line in lines).encode())


def test_only_what_went_well_is_a_use_and_the_last_one_before_counts() -> None:
    reader = Log()
    say(reader, "reader: started", "reader: ok", "reader: ok")
    since = time.time()
    assert len(uses(reader, since)) == 1
    say(reader, "reader: connection refused", "reader: asked to stop", "reader: ok")
    found = uses(reader, since)
    assert len(found) == 2
    assert found[0] < since <= found[1]


def test_an_application_that_was_never_there_has_no_uses_and_no_gap() -> None:
    assert uses(Log(), 0.0) == []
    assert longest_gap([]) == longest_gap([5.0]) == 0.0


def test_the_longest_time_between_two_uses_is_the_gap() -> None:
    assert longest_gap([1.0, 1.5, 4.0, 4.5]) == 2.5
