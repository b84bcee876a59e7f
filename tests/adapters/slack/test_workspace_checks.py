from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.workspace_checks import Expected, WorkspaceChecks
from bot.core.approvals import ApprovalRules
from bot.core.models import Check, Verdict
from bot.manifest import SCOPES
from bot.sandbox.slack import SlackServer, Workspace
from tests.adapters.audit import SteppingClock

EXPECTED = Expected(tuple(SCOPES), ("C0OPS",), ("U0ANA",), ApprovalRules(("S0DBA",)))
OK, FAILED, UNKNOWN, WARNING = Verdict.OK, Verdict.FAILED, Verdict.UNKNOWN, Verdict.WARNING


class Looking:
    """Makes the checks on one workspace."""

    def __init__(self, server: SlackServer) -> None:
        self.server = server
        self.clock = SteppingClock()
        self.clock.time = datetime.now(UTC)
        self.bot_token, self.app_token = "xoxb-sandbox", "xapp-sandbox"

    def all(self, *, socket_mode: bool = True, **other: Any) -> dict[str, Check]:
        expected = replace(EXPECTED, **other)
        bot = SlackApi(self.bot_token, self.server.api_url, timeout=5)
        app = SlackApi(self.app_token, self.server.api_url, timeout=5)
        checks = WorkspaceChecks(bot, app, expected, self.clock)
        return {check.name: check for check in checks.run(socket_mode=socket_mode)}

    def one(self, name: str, **other: Any) -> Check:
        return self.all(**other)[name]


def people(*approvers: str, quorum: int = 1, self_approval: bool = False) -> ApprovalRules:
    return ApprovalRules(approvers, quorum, self_approval=self_approval)


@pytest.fixture
def look(server: SlackServer) -> Looking:
    return Looking(server)


def test_a_workspace_as_expected_passes_everything(look: Looking) -> None:
    found = look.all()
    assert {check.verdict for check in found.values()} == {OK}
    assert list(found)[:4] == ["bot token", "app token", "scopes", "clock"]
    assert list(found)[4:] == ["channel C0OPS", "approvers", "requesters", "quorum"]


def test_looking_changes_nothing_in_the_workspace(look: Looking, workspace: Workspace) -> None:
    look.all()
    assert workspace.messages("ops") == []
    reading = ("auth.test", "apps.connections.open", "conversations.info", "users.info")
    assert {c.method for c in workspace.calls()} == {*reading, "usergroups.users.list"}


def test_a_revoked_bot_token_fails_and_what_rests_on_it_could_not_run(look: Looking) -> None:
    look.bot_token = "xoxb-revoked"
    found = look.all()
    assert found["bot token"].verdict is FAILED
    assert "invalid_auth" in found["bot token"].evidence
    assert found["app token"].verdict is OK
    rest = [check for name, check in found.items() if name not in ("bot token", "app token")]
    assert {check.verdict for check in rest} == {UNKNOWN}
    assert all(check.evidence.startswith("could not run: see “") for check in rest)


def test_the_token_of_an_app_is_no_bot_token(look: Looking) -> None:
    look.bot_token = "xapp-sandbox"
    assert look.one("bot token").evidence == "it is not a bot's"


def test_an_app_token_that_opens_no_connection_fails(look: Looking, workspace: Workspace) -> None:
    workspace.add_token("xapp-weak", (), kind="app")
    look.app_token = "xapp-weak"
    found = look.one("app token")
    assert (found.verdict, "missing_scope" in found.evidence) == (FAILED, True)
    assert "connections:write" in found.remedy


def test_http_mode_needs_no_app_token(look: Looking) -> None:
    assert "app token" not in look.all(socket_mode=False)


def test_each_missing_scope_is_named_with_the_way_to_get_it(
    look: Looking, workspace: Workspace
) -> None:
    workspace.add_token("xoxb-old", set(SCOPES) - {"users:read", "chat:write"})
    look.bot_token = "xoxb-old"
    found = look.one("scopes")
    assert found.verdict is FAILED
    assert found.evidence == "missing: chat:write, users:read"
    assert found.remedy == "reinstall the app from `tsbot manifest`"


def test_a_scope_that_a_check_itself_lacks_leaves_it_unanswered(
    look: Looking, workspace: Workspace
) -> None:
    workspace.add_token("xoxb-blind", set(SCOPES) - {"channels:read"})
    look.bot_token = "xoxb-blind"
    found = look.one("channel C0OPS")
    assert found.verdict is UNKNOWN
    assert found.evidence.startswith("could not run: Slack declined conversations.info")


def test_an_unknown_channel_fails(look: Looking) -> None:
    found = look.one("channel C0NONE", channels=("C0OPS", "C0NONE"))
    assert (found.verdict, found.evidence[:13]) == (FAILED, "there is none")


def test_an_archived_channel_fails(look: Looking, workspace: Workspace) -> None:
    workspace.channel("ops").is_archived = True
    assert look.one("channel C0OPS").evidence == "#ops is archived"


def test_a_channel_without_the_bot_fails_and_says_how_to_invite_it(
    look: Looking, workspace: Workspace
) -> None:
    workspace.channel("ops").members.remove(workspace.bot_user)
    found = look.one("channel C0OPS")
    assert (found.verdict, found.evidence) == (FAILED, "the bot is not in #ops")
    assert "/invite" in found.remedy


def test_no_channel_at_all_fails(look: Looking) -> None:
    assert look.one("channels", channels=()).verdict is FAILED


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("is_bot", "eve (U0EVE) is a bot."),
        ("deleted", "eve (U0EVE) is deactivated."),
        ("is_restricted", "eve (U0EVE) is a guest."),
        ("is_ultra_restricted", "eve (U0EVE) is a guest."),
        ("is_stranger", "eve (U0EVE) is not of this workspace."),
    ],
)
def test_a_listed_person_who_cannot_act_fails_by_name(
    look: Looking, workspace: Workspace, flag: str, said: str
) -> None:
    setattr(workspace.add_user("eve"), flag, True)
    for name, lists in (
        ("approvers", {"rules": people("U0BEN", "U0EVE")}),
        ("requesters", {"requesters": ("U0ANA", "U0EVE")}),
    ):
        found = look.one(name, **lists)
        assert (found.verdict, found.evidence) == (FAILED, said)


def test_somebody_of_another_workspace_fails(look: Looking, workspace: Workspace) -> None:
    workspace.add_user("eve", team_id="T0OTHER")
    assert "not of this workspace" in look.one("approvers", rules=people("U0EVE")).evidence


def test_an_unknown_person_and_an_unknown_group_fail_by_id(look: Looking) -> None:
    found = look.one("approvers", rules=people("U0BEN", "U0NONE", "S0NONE"))
    assert found.verdict is FAILED
    assert "U0NONE" in found.evidence
    assert "S0NONE" in found.evidence


def test_a_disabled_group_fails(look: Looking, workspace: Workspace) -> None:
    workspace.usergroup("S0DBA").is_disabled = True
    assert look.one("approvers").verdict is FAILED


def test_a_group_that_nobody_active_is_in_fails(look: Looking, workspace: Workspace) -> None:
    workspace.usergroup("S0DBA").users.clear()
    found = look.one("approvers")
    assert found.verdict is FAILED
    assert "nobody can approve" in found.evidence


def test_a_member_of_a_group_who_cannot_act_is_a_warning(
    look: Looking, workspace: Workspace
) -> None:
    workspace.user("cho").deleted = True
    found = look.one("approvers")
    assert found.verdict is WARNING
    assert found.evidence == "1 active member. cho (U0CHO) is deactivated."


def test_empty_lists_fail(look: Looking) -> None:
    found = look.all(rules=people(), requesters=())
    assert found["approvers"].verdict is FAILED
    assert found["requesters"].verdict is FAILED
    assert "nobody can ask" in found["requesters"].evidence


def test_everyone_may_be_a_requester(look: Looking) -> None:
    assert look.one("requesters", requesters=("*",)).verdict is OK


def test_a_person_listed_beside_everyone_is_looked_at_too(look: Looking) -> None:
    assert look.one("requesters", requesters=("*", "U0NONE")).verdict is FAILED


@pytest.mark.parametrize(
    ("requesters", "rules", "verdict"),
    [
        (("U0ANA",), people("S0DBA", quorum=2), OK),
        (("U0ANA",), people("S0DBA", quorum=3), FAILED),
        (("U0ANA",), people("S0DBA", "U0BEN", quorum=3), FAILED),  # Ben counts once
        (("U0BEN",), people("U0BEN"), FAILED),
        (("U0BEN",), people("U0BEN", self_approval=True), OK),
        (("U0ANA", "U0BEN"), people("U0BEN"), FAILED),  # whatever Ben asks for
        (("U0BEN",), people("U0BEN", "U0CHO"), OK),
        (("*",), people("U0BEN"), WARNING),
        (("*",), people("U0BEN", "U0CHO"), OK),
    ],
)
def test_the_quorum_must_be_reached_by_others_than_the_requester(
    look: Looking, requesters: tuple[str, ...], rules: ApprovalRules, verdict: Verdict
) -> None:
    assert look.one("quorum", requesters=requesters, rules=rules).verdict is verdict


def test_only_active_approvers_count_for_the_quorum(look: Looking, workspace: Workspace) -> None:
    workspace.user("cho").deleted = True
    found = look.one("quorum", rules=people("S0DBA", quorum=2))
    assert (found.verdict, found.evidence) == (FAILED, "2 needed, 1 can approve")


def test_who_asks_in_vain_is_named(look: Looking) -> None:
    found = look.one("quorum", requesters=("U0ANA", "U0BEN"), rules=people("U0BEN"))
    assert "never reached where U0BEN asks" in found.evidence


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, OK), (60, WARNING), (-60, WARNING), (400, FAILED)]
)
def test_a_clock_that_is_off_is_told(look: Looking, seconds: int, verdict: Verdict) -> None:
    look.clock.time += timedelta(seconds=seconds)
    assert look.one("clock").verdict is verdict


def test_trouble_at_slack_leaves_a_check_unanswered_and_goes_on(
    look: Looking, workspace: Workspace
) -> None:
    workspace.faults.fail("users.info")
    found = look.all()
    assert found["approvers"].verdict is UNKNOWN
    assert found["approvers"].evidence.startswith("could not run: Slack has trouble")
    assert found["requesters"].verdict is OK
    assert found["quorum"].evidence == "could not run: see “approvers”"
