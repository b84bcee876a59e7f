"""Looks for runs whose process died: once for the bot's own, again and again for the terminal's.

Whoever restores on the command line while the bot runs may be killed there, with the applications
down: the channel must hear of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.core import events as ev
from bot.core.errors import TsbotError
from bot.core.interrupted import Unfinished
from bot.core.recovery import Recovery

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=10)
"""Between two looks."""


class Cards(Protocol):
    """Shows runs that another process has begun."""

    def adopt(self, run_id: str, channel: str, ts: str, events: Iterable[ev.Event]) -> None:
        """Paint a run's card from its logged events.

        Args:
            run_id: the run.
            channel: where its card is, or where it was asked for.
            ts: of the card; empty posts a new one.
            events: oldest first.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lookout:
    """Hands such runs to whoever takes care of them.

    Args:
        recovery: takes care of them.
        cards: are painted before anything is said about them.
    """

    recovery: Recovery
    cards: Cards

    def start(self) -> None:
        """Look at once, and again and again until the timers are closed.

        Raises:
            AuditUnavailable: the log cannot be read; without it nobody knows of any run.
        """
        self._take_care(self.recovery.found())
        self._again()

    def _again(self) -> None:
        launcher = self.recovery.launcher
        launcher.timers.at(launcher.clock.now() + PAUSE, "lookout", self._look)

    def _look(self) -> None:
        try:
            self._take_care(self.recovery.found())
        except TsbotError as error:  # the log is away for a moment
            logger.info("no look for interrupted runs: %s", error)
        finally:
            self._again()

    def _take_care(self, runs: Sequence[Unfinished]) -> None:
        for run in runs:
            channel, ts = run.card or ("", "")
            if run.asked is not None:
                place = channel or run.asked.origin.channel
                self.cards.adopt(run.run_id, place, ts, run.events)
        self.recovery.pick_up(runs)
