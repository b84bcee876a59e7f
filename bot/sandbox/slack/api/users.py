"""users.info, users.list and usergroups."""

from __future__ import annotations

from bot.sandbox.slack.api.arguments import ApiError, Call
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.people import Json


@method("users.info", "users:read")
def users_info(call: Call) -> Json:
    """Describe one account."""
    return {"user": call.user().as_json()}


@method("users.list", "users:read")
def users_list(call: Call) -> Json:
    """List all accounts, deactivated ones too."""
    members, cursor = call.page([user.as_json() for user in call.workspace.users.values()])
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


@method("usergroups.list", "usergroups:read")
def usergroups_list(call: Call) -> Json:
    """List the usergroups."""
    groups = call.workspace.usergroups.values()
    disabled = call.flag("include_disabled")
    return {"usergroups": [g.as_json() for g in groups if disabled or not g.is_disabled]}


@method("usergroups.users.list", "usergroups:read")
def usergroups_users_list(call: Call) -> Json:
    """List a usergroup's members by id."""
    group = call.workspace.usergroups.get(call.text("usergroup"))
    if group is None or (group.is_disabled and not call.flag("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": group.users[:]}
