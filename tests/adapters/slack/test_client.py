from __future__ import annotations

import socket
import time

import pytest

from bot.adapters.slack.client import Declined, Identity, RateLimited, SlackApi
from bot.core.errors import ChatUnavailable
from bot.sandbox.slack import Workspace


def test_the_identity_is_asked_once(api: SlackApi, workspace: Workspace) -> None:
    assert api.identity.user_id == workspace.bot_user
    assert api.identity.bot_id == workspace.bot_id
    assert api.identity.team_id == workspace.team_id
    assert len(workspace.calls("auth.test")) == 1


def test_a_message_s_address_is_made_from_the_workspace_s() -> None:
    us = Identity("U1", "B1", "T1", "https://team.slack.com/")
    assert us.permalink("C1", "17.5") == "https://team.slack.com/archives/C1/p175"


def test_a_workspace_of_an_organization_is_at_home_in_both() -> None:
    url = "https://team.slack.com/"
    assert Identity("U1", "B1", "T1", url).homes == {"T1"}
    assert Identity("U1", "B1", "T1", url, "E1").homes == {"T1", "E1"}


def test_slack_s_no_is_told_by_its_code(api: SlackApi) -> None:
    with pytest.raises(Declined, match=r"chat\.postMessage: channel_not_found") as caught:
        api.write("chat.postMessage", {"channel": "C404", "text": "x"})
    assert caught.value.code == "channel_not_found"


def test_a_rate_limit_is_told_with_its_seconds(
    api: SlackApi, workspace: Workspace, ops: str
) -> None:
    workspace.faults.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(RateLimited) as caught:
        api.write("chat.postMessage", {"channel": ops, "text": "x"})
    assert caught.value.retry_after == 7


def test_a_patient_client_waits_one_rate_limit_out(
    patient: SlackApi, workspace: Workspace, ops: str
) -> None:
    workspace.faults.rate_limit("chat.postMessage", retry_after=0)
    assert patient.write("chat.postMessage", {"channel": ops, "text": "x"})["ts"]


@pytest.mark.parametrize("status", [500, 503])
def test_trouble_at_slack_is_no_answer(api: SlackApi, workspace: Workspace, status: int) -> None:
    workspace.faults.fail("auth.test", status=status)
    with pytest.raises(ChatUnavailable) as caught:
        api.read("auth.test", {})
    assert not isinstance(caught.value, Declined | RateLimited)


def test_a_cut_connection_is_no_answer(api: SlackApi, workspace: Workspace) -> None:
    workspace.faults.drop("auth.test")
    with pytest.raises(ChatUnavailable, match="did not answer"):
        api.read("auth.test", {})


def test_a_silent_server_is_no_answer_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mute = SlackApi("xoxb-sandbox", f"http://127.0.0.1:{port}/api", timeout=1)
        began = time.monotonic()
        with pytest.raises(ChatUnavailable):
            mute.read("auth.test", {})
        assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_is_no_answer() -> None:
    nobody = SlackApi("xoxb-sandbox", "http://127.0.0.1:9/api/")
    with pytest.raises(ChatUnavailable):
        nobody.read("auth.test", {})
