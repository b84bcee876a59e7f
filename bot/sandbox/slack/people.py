"""People and usergroups of the local workspace, and how Slack's Web API shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class User:
    """One account; mutable, because people are renamed, deactivated and made guests at run time."""

    id: str
    name: str
    real_name: str
    team_id: str
    is_bot: bool = False
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_admin: bool = False

    def as_json(self) -> Json:
        """Return the object users.info answers with.

        As on Slack, a deactivated account lacks its guest flags and time zone, and `is_stranger`
        is there only when true (docs.slack.dev/reference/objects/user-object).
        """
        shown: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 0,
            "profile": {
                "real_name": self.real_name,
                "display_name": self.name,
                "team": self.team_id,
            },
        }
        if self.is_stranger:
            shown["is_stranger"] = True
        if self.deleted:
            return shown
        return shown | {
            "real_name": self.real_name,
            "tz": "Etc/UTC",
            "tz_offset": 0,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
        }


@dataclass(slots=True)
class UserGroup:
    """A usergroup such as @dba; its members may be edited by people, hence read again by apps."""

    id: str
    handle: str
    team_id: str
    users: list[str] = field(default_factory=list)
    is_disabled: bool = False

    def as_json(self) -> Json:
        """Return the object usergroups.list answers with."""
        return {
            "id": self.id,
            "team_id": self.team_id,
            "is_usergroup": True,
            "handle": self.handle,
            "name": self.handle,
            "user_count": len(self.users),
            "date_delete": 1 if self.is_disabled else 0,
        }
