"""The workspace's people and groups, asked by id."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.slack.client import Declined, SlackApi
from bot.core.errors import Refused
from bot.core.models import Member, Person

_NOBODY = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_NO_GROUP = frozenset({"no_such_subteam", "subteam_disabled", "disabled_subteam"})


class SlackDirectory:
    """The port Directory.

    Args:
        api: patient, decisions wait for it.
        keep: seconds a group's members are believed where nobody asks for fresh ones.
    """

    def __init__(self, api: SlackApi, keep: float = 60.0) -> None:
        self._api, self._keep = api, keep
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def member(self, user_id: str) -> Member:
        """Return a person as Slack knows them now, never from a cache.

        Raises:
            Refused: there is no such person.
        """
        try:
            user = self._api.read("users.info", {"user": user_id}).get("user") or {}
        except Declined as refusal:
            if refusal.code in _NOBODY:
                raise Refused(
                    "unknown_person", f"Slack knows nobody with the id {user_id}."
                ) from None
            raise
        return _member(user_id, user)

    def resolve(self, ids: Sequence[str], *, fresh: bool = False) -> frozenset[str]:
        """Replace usergroup ids by their members' ids; ``fresh`` asks Slack again."""
        people = {identifier for identifier in ids if not identifier.startswith("S")}
        groups = {identifier for identifier in ids if identifier.startswith("S")}
        return frozenset(people).union(*(self._group(group, fresh) for group in groups))

    def members_of(self, group: str) -> frozenset[str]:
        """Return the ids of a usergroup's members as Slack knows them now.

        Raises:
            Refused: there is no such group, or it is disabled.
        """
        try:
            answer = self._api.read("usergroups.users.list", {"usergroup": group})
        except Declined as refusal:
            if refusal.code in _NO_GROUP:
                raise Refused(
                    "unknown_group", f"Slack has no active usergroup with the id {group}."
                ) from None
            raise
        return frozenset(map(str, answer.get("users") or ()))

    def home_team(self) -> str:
        """Return our workspace's id."""
        return self._api.identity.team_id

    def _group(self, group: str, fresh: bool) -> frozenset[str]:
        now = time.monotonic()
        with self._lock:
            known = self._groups.get(group)
        if known and not fresh and now < known[0]:
            return known[1]
        users = self._asked(group)
        with self._lock:
            self._groups[group] = (now + self._keep, users)
        return users

    def _asked(self, group: str) -> frozenset[str]:
        """Ask Slack; a group that is disabled or gone approves nothing."""
        try:
            return self.members_of(group)
        except Refused:
            return frozenset()


def _member(user_id: str, user: Mapping[str, Any]) -> Member:
    """Return Slack's user object as a member; a missing answer to anything is the safe one.

    In an Enterprise organisation a person has a team of their own and a list of further ones; the
    home workspace counts only where it is ``team_id``, as `judge` compares exactly that.
    """
    profile = user.get("profile") or {}
    shown = profile.get("display_name") or user.get("real_name") or user.get("name") or user_id
    return Member(
        Person(str(user.get("id") or user_id), str(shown)),
        team_id=str(user.get("team_id") or ""),
        bot=bool(user.get("is_bot") or user_id == "USLACKBOT"),
        deactivated=bool(user.get("deleted", True)),
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        stranger=bool(user.get("is_stranger")),
    )
