"""Counting a gate's votes: read everything back from Slack, rule on each mark, log what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bot.core import events as ev
from bot.core.approvals import GateNotice, Mark, Ruling, Tally, judge, meaning, tally
from bot.core.errors import GateNotPassed, Refused
from bot.core.journal import Journal
from bot.core.models import Member, Person
from bot.core.ports import Ballot, BallotRef, Clock, Directory

_TOGETHER = 20
"""Replies in one message: Slack takes about one message a second in a channel."""


@dataclass
class VoteCount:
    """Counts the votes of one gate after another.

    Args:
        ballot: gate messages.
        directory: the workspace's people.
        journal: the run's log.
        clock: time.
    """

    ballot: Ballot
    directory: Directory
    journal: Journal
    clock: Clock
    _seen: dict[tuple[str, Mark], Ruling] = field(default_factory=dict, init=False)

    def forget(self) -> None:
        """Start over: marks on another message are other votes."""
        self._seen.clear()

    def remember(self, answered: Iterable[ev.VoteTaken]) -> None:
        """Take these votes as logged and answered; they are counted from Slack all the same."""
        for vote in answered:
            ruling = Ruling(Member(vote.person, team_id=""), vote.mark, vote.refusal)
            self._seen[_key(ruling)] = ruling

    def count(self, ref: BallotRef, notice: GateNotice, answer: Callable[[str], None]) -> Tally:
        """Read everything back and count; ``answer`` says something in the message's thread.

        Raises:
            GateNotPassed: an approver objected, or the message is not what was posted.
            ChatUnavailable: Slack cannot be asked.
        """
        reading = self.ballot.read(ref, notice)
        if not reading.untampered:
            raise GateNotPassed("voided", "the approval message was changed or deleted")
        approvers = self.directory.resolve(notice.rules.approvers, fresh=True)
        team = self.directory.home_team()
        rulings = [
            judge(self._member(r.user_id, mark, approvers), mark, notice, approvers, team)
            for r in reading.reactions
            if (mark := meaning(r.name)) is not None
        ]
        standing = tally(rulings, notice.rules.quorum)
        self._note_withdrawn(notice, rulings)
        replies = []
        for event, ruling in self._fresh(notice, rulings):
            self.journal.record(event)
            self._seen[_key(ruling)] = ruling  # after: what could not be logged is new again
            replies.append(_reply(ruling, standing))
        for first in range(0, len(replies), _TOGETHER):
            answer("\n".join(replies[first : first + _TOGETHER]))
        if standing.veto is not None:
            raise GateNotPassed("vetoed", f"stopped by {standing.veto.name}")
        return standing

    def _member(self, user_id: str, mark: Mark, approvers: frozenset[str]) -> Member:
        """Ask who somebody is, at every look for those on the list; of others just the once."""
        before = self._seen.get((user_id, mark))
        known = before.member if before is not None else None
        if known is not None and known.team_id and user_id not in approvers:  # else from the log
            return known
        try:
            return self.directory.member(user_id)
        except Refused:
            return Member(Person(user_id, user_id), team_id="", stranger=True)

    def _note_withdrawn(self, notice: GateNotice, rulings: list[Ruling]) -> None:
        """Log what was there at the last look and is gone."""
        present = {_key(ruling) for ruling in rulings}
        for key in [k for k in self._seen if k not in present]:
            event = ev.VoteWithdrawn(
                run_id=notice.plan.run_id,
                at=self.clock.now(),
                person=self._seen[key].member.person,
                mark=key[1],
                digest=notice.digest,
            )
            self.journal.record(event)
            del self._seen[key]

    def _fresh(
        self, notice: GateNotice, rulings: list[Ruling]
    ) -> Iterator[tuple[ev.VoteTaken, Ruling]]:
        """Yield what is new since the last look: each person's mark once, whatever its aliases.

        A mark is new again where it counts no longer, such as after its voter left the list.
        """
        for ruling in {_key(ruling): ruling for ruling in rulings}.values():
            before = self._seen.get(_key(ruling))
            if before and before.refusal == ruling.refusal:
                continue
            event = ev.VoteTaken(
                run_id=notice.plan.run_id,
                at=self.clock.now(),
                person=ruling.member.person,
                mark=ruling.mark,
                refusal=ruling.refusal,
                digest=notice.digest,
            )
            yield event, ruling


def _key(ruling: Ruling) -> tuple[str, Mark]:
    return ruling.member.person.id, ruling.mark


def _reply(ruling: Ruling, standing: Tally) -> str:
    who = f"<@{ruling.member.person.id}>"
    if ruling.refusal:
        return f"{who} this does not count: {ruling.refusal}."
    if ruling.mark is Mark.VETO:
        return f"{who} stopped it."
    return f"{who} approved: {len(standing.approvers)} of {standing.quorum}."
