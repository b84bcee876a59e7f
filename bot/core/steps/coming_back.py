"""Waiting for a server or an engine that went away in the middle of a run: most come back soon.

A session that the kernel kills for its memory takes the whole server down for as long as its crash
recovery lasts, and a server that died is started again by its engine or by somebody.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from bot.core.errors import TsbotError, Unavailable
from bot.core.steps.stage import Tools

BACK_WITHIN = timedelta(minutes=1)
"""As long as is waited for an engine to start applications."""

_PAUSE = 0.25  # seconds between looks


def came_back(work: Tools) -> bool:
    """Wait until PostgreSQL answers, and take the run's lock again, which went with the server.

    Returns:
        False where it does not answer within a minute.
    """
    if not _until(work, work.cluster.identity):
        return False
    with suppress(TsbotError):  # what has to be made safe again does not wait for another bot
        work.relock()
    return True


def engine_came_back(work: Tools) -> bool:
    """Wait until the engine answers; False where it does not within a minute."""
    return _until(work, work.host.ping)


def _until(work: Tools, ask: Callable[[], object]) -> bool:
    until = work.clock.now() + BACK_WITHIN
    while True:
        try:
            ask()
        except Unavailable:
            if work.clock.now() >= until:
                return False
        else:
            return True
        work.clock.wait(_PAUSE)
