"""What an application of the demo could do, and when it could not: by its own log."""

from __future__ import annotations

from itertools import pairwise

from bot.sandbox.demo.application import OK
from bot.sandbox.engine.logs import Log, LogQuery

_NS = 10**9


def uses(log: Log, since: float) -> list[float]:
    """Return when it used the database with success, the last time before *since* included.

    Args:
        log: of plant-reader or plant-writer.
        since: seconds since 1970, and so is what is returned.
    """
    lines = log.read(LogQuery(frozenset({1})))
    times = [line.at / _NS for line in lines if line.data.decode().endswith(f": {OK}\n")]
    before = [at for at in times if at < since]
    return before[-1:] + [at for at in times if at >= since]


def longest_gap(times: list[float]) -> float:
    """Return the longest time without a use, in seconds; 0 where there are not two of them."""
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)
