"""One channel's messages, sent in turn by a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.slack.blocks import Json
from bot.adapters.slack.blocks_result import note
from bot.adapters.slack.client import Declined, RateLimited, SlackApi
from bot.adapters.slack.pending import Item, Notes, Pace, Paint, Pending, method
from bot.core.errors import ChatUnavailable

OnCard = Callable[[str, str, str], None]
"""Told (run id, channel, ts) when a card got its place, so that it is found after a restart."""

_UNUSABLE = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "invalid_arguments",
    }
)
"""Slack will never take this message; sending it again would only hold up the others."""

_GONE = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "thread_not_found",
        "cannot_reply_to_message",
    }
)
"""The card is no more; it is posted anew, and what was for its thread goes to the channel."""

log = logging.getLogger(__name__)


class Lane:
    """Sends what waits for a channel, at Slack's pace, until it is closed.

    After a rate limit the method in question rests as long as Slack says; after a call that nobody
    answered everything waits, longer each time. A post whose answer got lost is sent again: twice
    seen is better than never.
    """

    def __init__(self, channel: str, api: SlackApi, pace: Pace, on_card: OnCard) -> None:
        self.pending = Pending(pace)
        self.changed = threading.Condition()
        self._channel, self._api, self._pace, self._on_card = channel, api, pace, on_card
        self._resting: dict[str, float] = {}
        self._wait = pace.first_wait
        self._outage_until = 0.0
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"slack-{channel}", daemon=True)
        self._thread.start()

    def close(self, deadline: float) -> None:
        """Ask the thread to send the rest until ``deadline`` (monotonic) and to end."""
        with self.changed:
            self._deadline = deadline
            self.changed.notify_all()

    def join(self) -> bool:
        """Wait for the end, at most until the deadline; tell whether everything was sent."""
        self._thread.join(max(0.0, (self._deadline or 0.0) - time.monotonic()))
        with self.changed:
            return self.pending.empty

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._send(item)
            except Exception:  # whatever broke, the others must go out
                log.exception("a message for %s is given up", self._channel)
                with self.changed:
                    self.pending.sent(item, time.monotonic())

    def _next(self) -> Item | None:
        """Wait for the next item's time; None when the lane is to end."""
        with self.changed:
            while True:
                now = time.monotonic()
                closing = self._deadline is not None
                choice = self.pending.next(now, self._resting, hurry=closing)
                if self._deadline is not None and (choice is None or now >= self._deadline):
                    return None
                if choice is None:
                    self.changed.wait()
                    continue
                at = max(choice[0], self._outage_until)
                if at <= now:
                    return choice[1]
                until = at if self._deadline is None else min(at, self._deadline)
                self.changed.wait(until - now)

    def _send(self, item: Item) -> None:
        called = method(item)
        try:
            answer = self._api.write(called, self._arguments(item))
        except RateLimited as limit:
            self._resting[called] = time.monotonic() + limit.retry_after
        except Declined as refusal:
            self._declined(item, refusal)
        except ChatUnavailable as trouble:
            self._back_off(trouble)
        else:
            self._sent(item, str(answer.get("ts") or ""))

    def _arguments(self, item: Item) -> Mapping[str, Any]:
        look = note(item.pieces) if isinstance(item, Notes) else item.look
        arguments: Json = {"channel": self._channel, "text": look.text, "blocks": look.blocks}
        if not isinstance(item, Paint):
            arguments |= {"unfurl_links": False, "unfurl_media": False}
        if item.card.ts:
            arguments["ts" if isinstance(item, Paint) else "thread_ts"] = item.card.ts
            if not isinstance(item, Paint | Notes):
                arguments["reply_broadcast"] = True
        return arguments

    def _sent(self, item: Item, ts: str) -> None:
        self._wait = self._pace.first_wait
        new = isinstance(item, Paint) and not item.card.ts
        with self.changed:
            self.pending.sent(item, time.monotonic(), ts)
            self.changed.notify_all()
        if new:
            self._tell(item.card.key, ts)

    def _tell(self, key: str, ts: str) -> None:
        try:
            self._on_card(key, self._channel, ts)
        except Exception:  # the listener is foreign; its trouble must not end the lane
            log.exception("could not remember the card of %s in %s", key, self._channel)

    def _declined(self, item: Item, refusal: Declined) -> None:
        gone = refusal.code in _GONE
        if gone and item.card.ts and not item.card.fixed:
            with self.changed:
                item.card.ts = ""
        elif refusal.code in _UNUSABLE or gone:
            log.error("%s in %s; the message is given up", refusal, self._channel)
            with self.changed:
                item.card.lost = item.card.lost or not item.card.ts
                self.pending.sent(item, time.monotonic())
        else:  # such as not_in_channel or a revoked token: people can mend it
            self._back_off(refusal)

    def _back_off(self, trouble: ChatUnavailable) -> None:
        log.warning("%s; channel %s waits %g s", trouble, self._channel, self._wait)
        self._outage_until = time.monotonic() + self._wait
        self._wait = min(self._wait * 2, self._pace.longest_wait)
