"""Everything on its way to Slack: a queue a channel; callers are never held up, nothing raises."""

from __future__ import annotations

import threading
import time

from bot.adapters.slack.blocks import Look
from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.lane import Lane, OnCard
from bot.adapters.slack.pending import Pace, Priority


def _nobody(key: str, channel: str, ts: str) -> None:
    """Nobody wants to know where cards are."""


class Outbox:
    """Takes messages and returns at once; a thread a channel sends them.

    Args:
        api: not patient: the lanes heed rate limits themselves.
        pace: how fast.
        on_card: told where a new card is.
    """

    def __init__(self, api: SlackApi, pace: Pace | None = None, on_card: OnCard = _nobody) -> None:
        self._api, self._pace, self._on_card = api, pace or Pace(), on_card
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._closed = False

    def adopt(self, channel: str, key: str, ts: str) -> None:
        """Take over a card that was posted before this process began."""
        lane = self._lane(channel)
        if lane is not None:
            with lane.changed:
                lane.pending.card(key).ts = ts

    def paint(self, channel: str, key: str, look: Look) -> None:
        """Show a card's newest state; states nobody has seen yet are skipped."""
        lane = self._lane(channel)
        if lane is not None:
            with lane.changed:
                lane.pending.paint(key, look)
                lane.changed.notify_all()

    def repaint(self, channel: str, ts: str, look: Look) -> None:
        """Paint over a message of ours that is no card, such as a gate that is closed."""
        lane = self._lane(channel)
        if lane is not None:
            with lane.changed:
                card = lane.pending.card(f"message {ts}")
                card.ts, card.fixed = ts, True
                lane.pending.paint(card.key, look)
                lane.changed.notify_all()

    def note(self, channel: str, key: str, title: str, body: str = "") -> None:
        """Put something into the card's thread, together with what else waits for it."""
        lane = self._lane(channel)
        if lane is not None:
            with lane.changed:
                lane.pending.note(key, title, body)
                lane.changed.notify_all()

    def announce(self, channel: str, key: str, look: Look, priority: Priority) -> None:
        """Post into the channel, and into the card's thread as well."""
        lane = self._lane(channel)
        if lane is not None:
            with lane.changed:
                lane.pending.post(key, look, priority)
                lane.changed.notify_all()

    def close(self, timeout: float) -> bool:
        """Send the rest, for at most ``timeout`` seconds; tell whether everything went out."""
        with self._lock:
            self._closed = True
            lanes = tuple(self._lanes.values())
        deadline = time.monotonic() + timeout
        for lane in lanes:
            lane.close(deadline)
        late = [lane for lane in lanes if not lane.join()]
        return not late

    def _lane(self, channel: str) -> Lane | None:
        with self._lock:
            if channel not in self._lanes and not self._closed:
                self._lanes[channel] = Lane(channel, self._api, self._pace, self._on_card)
            return None if self._closed else self._lanes[channel]
