"""Who may do what, decided at the moment of asking; deny by default."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.approvals import ApprovalRules
from bot.core.errors import Refused
from bot.core.models import Origin, Person
from bot.core.permissions import EVERYONE, Who, allowed, denial, wrong_channel
from bot.core.ports import Directory


@dataclass(frozen=True, slots=True)
class Access:
    """The settings' lists, resolved through the workspace.

    Args:
        directory: the workspace's people.
        channels: where commands are taken.
        requesters: user and usergroup ids, or ``*``.
        rules: the gate's rules, approvers among them.
    """

    directory: Directory
    channels: tuple[str, ...]
    requesters: tuple[str, ...]
    rules: ApprovalRules

    def require(self, origin: Origin, what: str, who: Who, run_requester: str = "") -> None:
        """Let pass whoever may.

        Args:
            origin: who asks, and where.
            what: the command or button, for the sentence.
            who: whom it is for.
            run_requester: who asked for the run that a button belongs to.

        Raises:
            Refused: the wrong channel, no member of this workspace, or not on the list.
            ChatUnavailable: Slack can't be asked who that is.
        """
        elsewhere = wrong_channel(origin.channel, self.channels)
        if elsewhere:
            raise Refused("wrong_channel", elsewhere)
        if who is Who.ANYONE:
            return
        if not self.is_member(origin.person):
            raise Refused("not_a_member", f"Only full members of this workspace may use {what}.")
        if not self.may(origin.person, who, run_requester):
            raise Refused("not_allowed", denial(what, who))

    def may(self, person: Person, who: Who, run_requester: str = "") -> bool:
        """Return whether the lists have this person; membership is not looked at."""
        if allowed(who, person.id, (), (), run_requester):
            return True  # whatever Slack says of the lists, or does not say
        requesters = self._requesters() if who is Who.REQUESTER else frozenset()
        # asked of Slack anew: who left the approvers' group a moment ago may not
        asks = who in (Who.APPROVER, Who.OWN_RUN_OR_APPROVER)
        approvers = self.approvers(fresh=True) if asks else frozenset()
        return allowed(who, person.id, requesters, approvers)

    def is_member(self, person: Person) -> bool:
        """Return whether this is an active, full member of our workspace, as Slack knows it now.

        Raises:
            ChatUnavailable: Slack can't be asked.
        """
        member = self.directory.member(person.id)
        outside = member.stranger or member.team_id != self.directory.home_team()
        return not (member.bot or member.deactivated or member.guest or outside)

    def approvers(self, *, fresh: bool = False) -> frozenset[str]:
        """Return the approvers' user ids."""
        return self.directory.resolve(self.rules.approvers, fresh=fresh)

    def place(self, channel: str) -> str:
        """Return where to speak of what was asked for in a channel, or on a terminal.

        Args:
            channel: where it was asked for.
        """
        return channel if channel in self.channels else self.channels[0]

    def _requesters(self) -> frozenset[str]:
        named = tuple(r for r in self.requesters if r != EVERYONE)
        everyone = {EVERYONE} if EVERYONE in self.requesters else set()
        return self.directory.resolve(named) | everyone
