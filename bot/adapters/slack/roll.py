"""Who of a settings' list can really act: active full members of this workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.slack.directory import SlackDirectory
from bot.core.errors import Refused
from bot.core.models import Member


@dataclass(frozen=True, slots=True)
class Roll:
    """A list of people and usergroups, called.

    Args:
        fit: ids of those who can act.
        wrong: one sentence for each listed person or group that cannot.
        odd: the same for members of listed groups; those are edited in Slack, not in the settings.
    """

    fit: frozenset[str]
    wrong: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


def call_roll(directory: SlackDirectory, ids: Sequence[str]) -> Roll:
    """Ask Slack about everybody on a list.

    Raises:
        ChatUnavailable: Slack can't be asked.
    """
    fit: set[str] = set()
    wrong: list[str] = []
    odd: list[str] = []
    for listed in ids:
        is_group = listed.startswith("S")
        try:
            people = directory.members_of(listed) if is_group else (listed,)
        except Refused as refusal:
            wrong.append(refusal.sentence)
            continue
        for person in sorted(people):
            reason = _unfit(directory, person)
            if reason:
                (odd if is_group else wrong).append(reason)
            else:
                fit.add(person)
    return Roll(frozenset(fit), tuple(wrong), tuple(odd))


def _unfit(directory: SlackDirectory, user_id: str) -> str:
    """Return why a person cannot act, empty where they can."""
    try:
        member = directory.member(user_id)
    except Refused as refusal:
        return refusal.sentence
    what = _lacking(member, directory.home_team())
    return f"{member.person.name} ({user_id}) is {what}." if what else ""


def _lacking(member: Member, team: str) -> str:
    if member.bot:
        return "a bot"
    if member.deactivated:
        return "deactivated"
    if member.stranger or member.team_id != team:
        return "not of this workspace"
    return "a guest" if member.guest else ""
