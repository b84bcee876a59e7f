from __future__ import annotations

import pytest

from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.directory import SlackDirectory
from bot.core.errors import ChatUnavailable, Refused
from bot.core.models import Member, Person
from bot.sandbox.slack import Workspace


@pytest.fixture
def directory(patient: SlackApi) -> SlackDirectory:
    return SlackDirectory(patient, keep=60)


def test_a_member_is_known_by_id_name_and_team(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    assert directory.member("U0BEN") == Member(Person("U0BEN", "ben"), workspace.team_id)
    assert directory.home_team() == workspace.team_id


@pytest.mark.parametrize(
    ("flag", "seen"),
    [
        ("is_bot", "bot"),
        ("deleted", "deactivated"),
        ("is_restricted", "guest"),
        ("is_ultra_restricted", "guest"),
        ("is_stranger", "stranger"),
    ],
)
def test_everything_that_forbids_a_vote_is_seen(
    directory: SlackDirectory, workspace: Workspace, flag: str, seen: str
) -> None:
    setattr(workspace.add_user("eve"), flag, True)
    flags = ("bot", "deactivated", "guest", "stranger")
    member = directory.member("U0EVE")
    assert [f for f in flags if getattr(member, f)] == [seen]


def test_somebody_of_another_workspace_keeps_their_own_team(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    workspace.add_user("eve", team_id="T0OTHER")
    assert directory.member("U0EVE").team_id == "T0OTHER"


def test_a_person_is_asked_for_anew_each_time(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    assert not directory.member("U0BEN").deactivated
    workspace.user("ben").deleted = True
    assert directory.member("U0BEN").deactivated


def test_nobody_is_refused_by_name(directory: SlackDirectory) -> None:
    with pytest.raises(Refused, match="U0NOBODY"):
        directory.member("U0NOBODY")


def test_a_group_is_replaced_by_its_members(directory: SlackDirectory) -> None:
    assert directory.resolve(("U0DAN", "S0DBA")) == {"U0DAN", "U0BEN", "U0CHO"}
    assert directory.resolve(()) == frozenset()


def test_a_group_is_believed_for_a_while_unless_fresh_is_asked_for(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    directory.resolve(("S0DBA",))
    workspace.usergroup("S0DBA").users.remove("U0BEN")
    assert directory.resolve(("S0DBA",)) == {"U0BEN", "U0CHO"}
    assert directory.resolve(("S0DBA",), fresh=True) == {"U0CHO"}
    assert directory.resolve(("S0DBA",)) == {"U0CHO"}
    assert len(workspace.calls("usergroups.users.list")) == 2


def test_an_old_answer_is_not_believed(patient: SlackApi, workspace: Workspace) -> None:
    forgetful = SlackDirectory(patient, keep=0)
    forgetful.resolve(("S0DBA",))
    workspace.usergroup("S0DBA").users.clear()
    assert forgetful.resolve(("S0DBA",)) == frozenset()


def test_a_disabled_or_unknown_group_approves_nothing(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    workspace.usergroup("S0DBA").is_disabled = True
    assert directory.resolve(("S0DBA", "S0NONE"), fresh=True) == frozenset()


def test_a_group_that_cannot_be_read_is_not_taken_for_empty(
    directory: SlackDirectory, workspace: Workspace
) -> None:
    workspace.faults.fail("usergroups.users.list")
    with pytest.raises(ChatUnavailable):
        directory.resolve(("S0DBA",), fresh=True)
    workspace.faults.fail("users.info")
    with pytest.raises(ChatUnavailable):
        directory.member("U0BEN")
