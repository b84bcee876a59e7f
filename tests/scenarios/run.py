"""One run as people and auditors see it: what stands in the channel, and what is in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bot.core.audit import Draft, Phase
from bot.sandbox.slack import Person
from bot.sandbox.slack.channels import Message

if TYPE_CHECKING:
    from tests.scenarios.office import Office

WITHIN_S = 20.0
RESTORED_S = 90.0
"""For what takes a whole restore."""
APPROVE, VETO = "white_check_mark", "x"
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run, as the channel and the log show it."""

    office: Office
    id: str

    def until(self, condition: Callable[[], T], what: str, timeout: float = WITHIN_S) -> T:
        """Poll until a condition holds, unless the run ends before. Raises AssertionError."""
        self.office.until(lambda: condition() or self.outcome, f"{what} of {self.id}", timeout)
        met = condition()
        assert met, f"{what} did not come to pass; the run ended {self.outcome}: {self.sentence}"
        return met

    def log(self, action: str = "") -> list[Draft]:
        """Return the run's entries."""
        return self.office.log(action, self.id)

    @property
    def gates(self) -> list[Message]:
        """The gate's messages, the newest last."""
        opened = [d for d in self.log("gate") if d.phase is Phase.INTENT]
        return [
            self.office.workspace.message(str(d.detail["channel"]), str(d.detail["ts"]))
            for d in opened
        ]

    @property
    def gate(self) -> Message:
        """The message that counts."""
        return self.gates[-1]

    @property
    def verdicts(self) -> list[str]:
        """How each gate ended."""
        return [d.status for d in self.log("gate") if d.phase is Phase.OUTCOME]

    @property
    def outcome(self) -> str:
        """How the run ended, empty while it goes on."""
        return next((d.status for d in self.log("run")), "")

    @property
    def sentence(self) -> str:
        """Why it ended so."""
        return next((str(d.detail["sentence"]) for d in self.log("run")), "")

    @property
    def started(self) -> list[str]:
        """The steps that were begun after preflight."""
        steps = [d for d in self.log() if d.detail.get("event") == "StepStarted"]
        return [d.action for d in steps if d.action != "preflight"]

    def at(self, action: str, event: str) -> datetime:
        """When something last happened to the run."""
        found = [d for d in self.log(action) if d.detail.get("event") == event]
        return datetime.fromisoformat(str(found[-1].detail["at"]))

    @property
    def reached(self) -> int:
        """How often the quorum stood."""
        return len(self.log("QuorumReached"))

    def vote(self, person: Person, emoji: str = APPROVE, gate: Message | None = None) -> None:
        """Put a mark on a gate's message, the newest unless said."""
        person.react(emoji, "ops", (gate or self.gate).ts)

    def take_back(self, person: Person, emoji: str = APPROVE) -> None:
        """Take a mark back."""
        person.unreact(emoji, "ops", self.gate.ts)

    def approve(self, *people: Person) -> None:
        """Vote and wait for the quorum; the grace begins."""
        before = self.reached
        for person in people or (self.office["ben"],):
            self.vote(person)
        self.until(lambda: self.reached > before, "a quorum")

    def votes(self, person: Person) -> list[str]:
        """How the log took this person's marks."""
        return [d.status for d in self.log("vote") if d.actor_id == person.id]

    def answers(self, person: Person) -> list[str]:
        """What the gate's thread says to this person."""
        with self.office.workspace.lock:
            thread = self.office.workspace.channel("ops").thread(self.gate.ts)
            lines = [line for message in thread for line in message.text.splitlines()]
        return [line for line in lines if line.startswith(f"<@{person.id}>")]

    def refused(self, person: Person, emoji: str = APPROVE) -> str:
        """Let somebody vote in vain; one row and one answer come of it. Returns the answer."""
        self.vote(person, emoji)
        [answer] = self.until(lambda: self.answers(person), "an answer in the thread")
        assert self.votes(person) == ["refused"]
        return answer

    @property
    def is_told(self) -> bool:
        """Whether the channel has heard of its end and of each gate's: in the card's thread too."""
        if not self.log("card"):
            return False
        with self.office.workspace.lock:
            thread = self.office.workspace.channel("ops").thread(self.card().ts)
            return sum(m.reply_broadcast for m in thread) > len(self.verdicts)

    def card(self) -> Message:
        """The run's card."""
        [place] = self.log("card")
        return self.office.workspace.message("ops", str(place.detail["ts"]))

    def ended(self, timeout: float = WITHIN_S) -> str:
        """Wait for the end and return how it was."""
        return self.office.until(lambda: self.outcome, f"the end of {self.id}", timeout)

    def closed(self, how: str, gate: Message | None = None) -> None:
        """Wait until a gate's message, the newest unless said, says how it ended."""
        message = gate or self.gate
        self.office.until(lambda: message.text.startswith(f"Closed: {how}"), f"“{how}” at the gate")

    def announced(self, text: str) -> Message:
        """Wait for a message in the channel that says so about this run."""

        def found() -> Message | None:
            messages = self.office.workspace.messages("ops")
            return next((m for m in messages if text in m.text and self.id in str(m.blocks)), None)

        return _found(self.office.until(found, f"“{text}” in the channel"))


def _found(message: Message | None) -> Message:
    assert message is not None
    return message
