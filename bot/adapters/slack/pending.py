"""What waits to be sent to one channel: the newest state of each card, posts, thread notes.

No threads, no clock, no Slack: the lane asks for the next thing and says what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from bot.adapters.slack.blocks import Look


class Priority(IntEnum):
    """What goes first."""

    FAILURE = 0
    DECISION = 1
    PROGRESS = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a channel is written to; all in seconds, `most` in messages.

    Slack: chat.postMessage about once a second and channel; chat.update about 50 a minute.

    Args:
        post_every: between two new messages.
        update_every: between two paints of one card.
        note_every: between two thread posts of one card.
        first_wait: after the first call nobody answered; doubled up to `longest_wait`.
        longest_wait: between two tries in an outage.
        most: posts kept for a channel; the least urgent oldest is given up.
    """

    post_every: float = 1.0
    update_every: float = 2.0
    note_every: float = 5.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    most: int = 200


@dataclass(slots=True)
class Card:
    """A message that is painted over, and the notes for its thread.

    Args:
        key: the run's id.
        ts: of the message, empty before the first post.
        look: the newest state, None where the channel already shows it.
        lost: Slack would not take the card; posts go without a thread.
        fixed: it is painted over where it is, and not posted anew where that is gone.
    """

    key: str
    ts: str = ""
    look: Look | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    painted_at: float = float("-inf")
    noted_at: float = float("-inf")
    lost: bool = False
    fixed: bool = False
    used_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Paint:
    """Post a card, or paint it over."""

    card: Card
    look: Look


@dataclass(frozen=True, slots=True)
class Post:
    """A message of its own, also shown in the card's thread."""

    look: Look
    card: Card
    priority: Priority


@dataclass(frozen=True, slots=True)
class Notes:
    """Everything that waits for a card's thread, in one message."""

    card: Card
    pieces: tuple[tuple[str, str], ...]


Item = Paint | Post | Notes


def method(item: Item) -> str:
    """Return the Web API method that sends an item."""
    return "chat.update" if isinstance(item, Paint) and item.card.ts else "chat.postMessage"


class Pending:
    """The queue of one channel; the caller locks."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._cards: dict[str, Card] = {}
        self._posts: list[Post] = []
        self._posted_at = float("-inf")
        self.dropped = 0

    def card(self, key: str) -> Card:
        """Return a card, new on first use; the longest idle one is forgotten beyond 100."""
        if key not in self._cards:
            self._forget_idle()
        return self._cards.setdefault(key, Card(key))

    def paint(self, key: str, look: Look) -> None:
        """Want a card to look so; an older wish is forgotten."""
        self.card(key).look = look

    def note(self, key: str, title: str, body: str) -> None:
        """Want something in the thread; beyond `most` the oldest notes are given up."""
        notes = self.card(key).notes
        notes.append((title, body))
        if len(notes) > self._pace.most:
            del notes[0]
            self.dropped += 1

    def post(self, key: str, look: Look, priority: Priority) -> None:
        """Want a message of its own; beyond `most` the least urgent oldest is given up."""
        self._posts.append(Post(look, self.card(key), priority))
        if len(self._posts) > self._pace.most:
            given_up = max(self._posts, key=lambda p: p.priority)
            self._posts = [post for post in self._posts if post is not given_up]
            self.dropped += 1

    @property
    def empty(self) -> bool:
        """Whether all was sent."""
        return not self._posts and not any(c.look or c.notes for c in self._cards.values())

    def next(
        self, now: float, resting: Mapping[str, float], *, hurry: bool = False
    ) -> tuple[float, Item] | None:
        """Return what to send next and from when on, None where nothing waits.

        Args:
            now: monotonic time; of what is ready by then, the most urgent comes first.
            resting: until when a method must not be called.
            hurry: don't space paints and notes any more, the bot is about to end.
        """
        choices = [
            (max(at, now, resting.get(method(item), now)), rank, item)
            for at, rank, item in self._choices(hurry)
        ]
        if not choices:
            return None
        at, _, item = min(choices, key=lambda choice: choice[:2])
        return at, item

    def sent(self, item: Item, now: float, ts: str = "") -> None:
        """Take note that an item went out; ``ts`` is a new message's."""
        card = item.card
        card.used_at = now
        if isinstance(item, Paint):
            self._painted(item, now, ts)
        elif isinstance(item, Notes):
            # by identity: beyond `most` some of them were given up while they went out
            gone = {id(piece) for piece in item.pieces}
            card.notes = [note for note in card.notes if id(note) not in gone]
            card.noted_at = self._posted_at = now
        else:
            self._posts = [post for post in self._posts if post is not item]
            self._posted_at = now

    def _painted(self, item: Paint, now: float, ts: str) -> None:
        card = item.card
        if not card.ts:
            self._posted_at = now
        card.ts, card.lost = ts or card.ts, card.lost and not ts
        card.painted_at = now
        if card.look is item.look:  # else somebody wants it newer by now
            card.look = None

    def _choices(self, hurry: bool) -> list[tuple[float, int, Item]]:
        """Return (ready from, rank, item) of everything that could go."""
        pace = self._pace
        slot = self._posted_at + pace.post_every
        update = 0.0 if hurry else pace.update_every
        gap = 0.0 if hurry else pace.note_every
        choices: list[tuple[float, int, Item]] = []
        for post in sorted(self._posts, key=lambda p: p.priority)[:1]:
            waiting = post.card.look if self._first(post.card) else None
            first = Paint(post.card, waiting) if waiting else post
            choices.append((slot, int(post.priority), first))
        for card in self._cards.values():
            if card.look:
                ready = card.painted_at + update if card.ts else slot
                choices.append((ready, Priority.PROGRESS, Paint(card, card.look)))
            if card.notes and not self._first(card):
                ready = max(slot, card.noted_at + gap)
                choices.append((ready, Priority.PROGRESS + 1, Notes(card, tuple(card.notes))))
        return choices

    @staticmethod
    def _first(card: Card) -> bool:
        """Whether the card itself has to be posted before anything can go into its thread."""
        return not card.ts and card.look is not None and not card.lost

    def _forget_idle(self) -> None:
        busy = {post.card.key for post in self._posts}
        idle = [c for c in self._cards.values() if not c.look and not c.notes and c.key not in busy]
        if len(self._cards) >= 100 and idle:
            del self._cards[min(idle, key=lambda c: c.used_at).key]
