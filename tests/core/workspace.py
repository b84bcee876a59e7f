"""A workspace in memory, behind the ports Ballot, Directory and Presenter."""

from __future__ import annotations

from bot.core import events as ev
from bot.core.approvals import GateNotice
from bot.core.errors import ChatUnavailable, Refused
from bot.core.models import Member, Person
from bot.core.ports import BallotReading, BallotRef
from bot.core.ports.chat import Reaction

TEAM = "T0HOME"


class Workspace:
    """Messages are numbered from 1; ``down`` answers nothing, ``leaving`` does so from the
    next close on, ``tampered`` shows other text."""

    def __init__(self, *people: Person) -> None:
        self.members = {p.id: Member(p, TEAM) for p in people}
        self.approvers = {p.id for p in people}
        self.marks: dict[str, tuple[Reaction, ...]] = {}
        self.opened: list[GateNotice] = []
        self.closed: list[tuple[str, str]] = []
        self.answers: list[str] = []
        self.events: list[ev.Event] = []
        self.reads = 0
        self.down = self.leaving = self.tampered = False

    def react(self, person: Person, name: str = "white_check_mark", ts: str = "1") -> None:
        self.marks[ts] = (*self.marks.get(ts, ()), Reaction(name, person.id))

    def take_back(self, person: Person, ts: str = "1") -> None:
        self.marks[ts] = tuple(m for m in self.marks[ts] if m.user_id != person.id)

    def open(self, notice: GateNotice) -> BallotRef:
        self._ask()
        self.opened.append(notice)
        return BallotRef("C0OPS", str(len(self.opened)))

    def read(self, ref: BallotRef, notice: GateNotice) -> BallotReading:
        self.reads += 1
        self._ask()
        return BallotReading(self.marks.get(ref.ts, ()), not self.tampered)

    def close(self, ref: BallotRef, notice: GateNotice, outcome: str) -> None:
        self.down = self.down or self.leaving
        self._ask()
        self.closed.append((ref.ts, outcome))

    def answer(self, ref: BallotRef, text: str) -> None:
        self._ask()
        self.answers.append(text)

    def member(self, user_id: str) -> Member:
        self._ask()
        if user_id not in self.members:
            raise Refused("unknown_user", f"There is nobody {user_id}.")
        return self.members[user_id]

    def resolve(self, ids: object, *, fresh: bool = False) -> frozenset[str]:
        self._ask()
        return frozenset(self.approvers)

    def home_team(self) -> str:
        self._ask()
        return TEAM

    def show(self, event: ev.Event) -> None:
        self.events.append(event)

    def _ask(self) -> None:
        if self.down:
            raise ChatUnavailable("Slack does not answer")
