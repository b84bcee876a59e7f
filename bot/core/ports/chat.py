"""The ports to the workspace: gate messages, people, and showing what happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.approvals import GateNotice
from bot.core.events import Event
from bot.core.models import Member


@dataclass(frozen=True, slots=True)
class BallotRef:
    """Where a gate's message is."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's mark on a gate message, as Slack reports it now."""

    name: str  # without skin tone
    user_id: str


@dataclass(frozen=True, slots=True)
class BallotReading:
    """A gate message read back from Slack: nothing of it comes from events."""

    reactions: tuple[Reaction, ...]
    untampered: bool


class Ballot(Protocol):
    """Gate messages in Slack. Every method raises ChatUnavailable where Slack cannot be asked."""

    def open(self, notice: GateNotice) -> BallotRef:
        """Post the gate's own message and seed both marks."""
        ...

    def read(self, ref: BallotRef, notice: GateNotice) -> BallotReading:
        """Read all marks, and whether the message still says what was posted."""
        ...

    def close(self, ref: BallotRef, notice: GateNotice, outcome: str) -> None:
        """Repaint the message with how it ended, once Slack takes that; nobody waits for it."""
        ...

    def answer(self, ref: BallotRef, text: str) -> None:
        """Say something in the message's thread."""
        ...


class Directory(Protocol):
    """The workspace's people. Raises ChatUnavailable where Slack cannot be asked."""

    def member(self, user_id: str) -> Member:
        """Return a person as Slack knows them now.

        Raises:
            Refused: there is no such person.
        """
        ...

    def resolve(self, ids: Sequence[str], *, fresh: bool = False) -> frozenset[str]:
        """Replace usergroup ids by their members' ids; ``fresh`` asks Slack again."""
        ...

    def home_team(self) -> str:
        """Return our workspace's id."""
        ...


class Presenter(Protocol):
    """Shows events to people. Never blocks and never raises: chat never holds up work."""

    def show(self, event: Event) -> None:
        """Take note of an event and paint it when there is time."""
        ...
