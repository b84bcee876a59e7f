"""Reactions by the API and by people, users and usergroups."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import ActionRefused, Person, Workspace
from bot.sandbox.slack.reacting import ReactionRefused
from tests.sandbox.conftest import refused


@pytest.fixture
def ts(client: WebClient, ops: str) -> str:
    return str(client.chat_postMessage(channel=ops, text="vote")["ts"])


def test_a_reaction_is_read_back(client: WebClient, ana: Person, ops: str, ts: str) -> None:
    client.reactions_add(channel=ops, timestamp=ts, name="white_check_mark")
    ana.react("white_check_mark", ops, ts)
    answer = client.reactions_get(channel=ops, timestamp=ts, full=True)
    (reaction,) = answer["message"]["reactions"]
    assert reaction["name"] == "white_check_mark"
    assert reaction["users"] == [ana.workspace.bot_user, ana.id]


def test_without_full_the_people_are_cut_and_the_count_is_right(
    client: WebClient, workspace: Workspace, ops: str, ts: str
) -> None:
    for name in ("ana", "ben", "cho", "dan"):
        Person(workspace, name).react("+1", ops, ts)
    cut = client.reactions_get(channel=ops, timestamp=ts)["message"]["reactions"][0]
    full = client.reactions_get(channel=ops, timestamp=ts, full=True)["message"]["reactions"][0]
    assert (len(cut["users"]), cut["count"]) == (2, 4)
    assert (len(full["users"]), full["count"]) == (4, 4)


def test_skin_tones_and_aliases_stay_reactions_of_their_own(
    client: WebClient, ana: Person, ops: str, ts: str
) -> None:
    for name in ("+1", "+1::skin-tone-4", "thumbsup"):
        ana.react(name, ops, ts)
    reactions = client.reactions_get(channel=ops, timestamp=ts)["message"]["reactions"]
    assert [r["name"] for r in reactions] == ["+1", "+1::skin-tone-4", "thumbsup"]


def test_a_reaction_counts_once_and_goes_once(client: WebClient, ops: str, ts: str) -> None:
    client.reactions_add(channel=ops, timestamp=ts, name="x")
    with refused("already_reacted"):
        client.reactions_add(channel=ops, timestamp=ts, name="x")
    client.reactions_remove(channel=ops, timestamp=ts, name="x")
    with refused("no_reaction"):
        client.reactions_remove(channel=ops, timestamp=ts, name="x")
    assert "reactions" not in client.reactions_get(channel=ops, timestamp=ts)["message"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "no such:name"}, "invalid_name"),
        ({"name": "x", "timestamp": "1.000001"}, "message_not_found"),
        ({"name": "x", "channel": "C0NOWHERE"}, "channel_not_found"),
        ({"name": "x", "timestamp": ""}, "no_item_specified"),
        ({"name": ""}, "invalid_arguments"),
    ],
)
def test_a_reaction_slack_would_refuse_is_refused(
    client: WebClient, ops: str, ts: str, arguments: dict[str, str], code: str
) -> None:
    with refused(code):
        client.api_call("reactions.add", data={"channel": ops, "timestamp": ts, **arguments})


def test_a_person_outside_the_channel_or_deactivated_cannot_react(
    workspace: Workspace, ops: str, ts: str
) -> None:
    dan = Person(workspace, "dan")
    dan.user.deleted = True
    with pytest.raises(ActionRefused, match="deactivated"):
        dan.react("x", ops, ts)
    workspace.channel("ops").members.remove(workspace.user("cho").id)
    with pytest.raises(ActionRefused, match="not in #ops"):
        Person(workspace, "cho").react("x", ops, ts)


def test_a_person_takes_back_only_what_they_gave(ana: Person, ops: str, ts: str) -> None:
    with pytest.raises(ReactionRefused, match="no_reaction"):
        ana.unreact("x", ops, ts)


def test_users_info_shows_what_a_person_is_at_this_moment(
    client: WebClient, ana: Person, workspace: Workspace
) -> None:
    assert client.users_info(user=ana.id)["user"]["is_restricted"] is False
    ana.user.is_restricted = True
    assert client.users_info(user=ana.id)["user"]["is_restricted"] is True
    workspace.add_user("eve", team_id="T0ELSE", is_stranger=True)
    eve = client.users_info(user="U0EVE")["user"]
    assert (eve["team_id"], eve["is_stranger"]) == ("T0ELSE", True)
    with refused("user_not_found"):
        client.users_info(user="U0NOBODY")


def test_a_deactivated_account_is_shown_without_its_guest_flags(
    client: WebClient, ana: Person
) -> None:
    ana.user.deleted = True
    shown = client.users_info(user=ana.id)["user"]
    assert shown["deleted"] is True
    assert "is_restricted" not in shown


def test_usergroup_members_change_at_run_time(client: WebClient, workspace: Workspace) -> None:
    group = workspace.usergroup("dba")
    assert client.usergroups_users_list(usergroup=group.id)["users"] == ["U0BEN", "U0CHO"]
    group.users.remove("U0CHO")
    assert client.usergroups_users_list(usergroup=group.id)["users"] == ["U0BEN"]
    group.is_disabled = True
    with refused("no_such_subteam"):
        client.usergroups_users_list(usergroup=group.id)
    assert client.usergroups_list()["usergroups"] == []


def test_users_list_holds_everybody(client: WebClient, workspace: Workspace) -> None:
    assert {user["id"] for user in client.users_list()["members"]} == set(workspace.users)
