"""Tokens, scopes, unknown methods, the call log."""

from __future__ import annotations

import json
import urllib.request

from slack_sdk import WebClient

from bot.sandbox.slack import SlackServer, Workspace
from tests.sandbox.conftest import refused


def test_auth_test_tells_who_the_bot_is(client: WebClient, workspace: Workspace) -> None:
    answer = client.auth_test()
    assert answer["user_id"] == workspace.bot_user
    assert answer["bot_id"] == workspace.bot_id
    assert answer["team_id"] == workspace.team_id


def test_every_answer_says_it_is_a_stand_in_and_which_scopes_the_token_has(
    client: WebClient,
) -> None:
    answer = client.auth_test()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert "not Slack" in headers["x-sandbox"]
    assert "chat:write" in headers["x-oauth-scopes"].split(",")


def test_a_call_without_a_token_is_not_authed(server: SlackServer) -> None:
    with refused("not_authed"):
        WebClient(base_url=server.api_url).auth_test()


def test_a_call_with_an_unknown_token_is_invalid_auth(server: SlackServer) -> None:
    with refused("invalid_auth"):
        WebClient(base_url=server.api_url, token="xoxb-other").auth_test()


def test_a_missing_scope_is_named_with_those_provided(server: SlackServer, ops: str) -> None:
    server.workspace.add_token("xoxb-poor", {"users:read"})
    poor = WebClient(base_url=server.api_url, token="xoxb-poor")
    with refused("missing_scope") as errors:
        poor.chat_postMessage(channel=ops, text="hello")
    assert errors[0].response["needed"] == "chat:write"
    assert errors[0].response["provided"] == "users:read"


def test_a_private_channel_needs_the_scope_for_groups(server: SlackServer) -> None:
    server.workspace.add_channel("secret", is_private=True)
    server.workspace.add_token("xoxb-poor", {"channels:read"})
    poor = WebClient(base_url=server.api_url, token="xoxb-poor")
    with refused("missing_scope") as errors:
        poor.conversations_info(channel=server.workspace.channel("secret").id)
    assert errors[0].response["needed"] == "groups:read"


def test_the_bot_token_opens_no_socket(client: WebClient) -> None:
    with refused("not_allowed_token_type"):
        client.apps_connections_open(app_token="xoxb-sandbox")


def test_an_unknown_method_is_refused(client: WebClient) -> None:
    with refused("unknown_method"):
        client.api_call("chat.shout")


def test_form_and_json_bodies_do_the_same(server: SlackServer, ops: str) -> None:
    for content_type, body in (
        ("application/x-www-form-urlencoded", f"channel={ops}&text=same"),
        ("application/json", json.dumps({"channel": ops, "text": "same"})),
    ):
        headers = {"Content-Type": content_type, "Authorization": "Bearer xoxb-sandbox"}
        address = f"{server.api_url}chat.postMessage"
        request = urllib.request.Request(address, body.encode(), headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as response:
            assert json.load(response)["message"]["text"] == "same"


def test_the_log_holds_each_call_with_its_error_and_without_its_token(
    client: WebClient, workspace: Workspace, ops: str
) -> None:
    client.chat_postMessage(channel=ops, text="one")
    with refused("no_text"):
        client.api_call("chat.postMessage", json={"channel": ops})
    first, second = workspace.calls("chat.postMessage")
    assert (first.args["text"], first.error) == ("one", None)
    assert second.error == "no_text"
    assert "xoxb-sandbox" not in json.dumps([first.args, second.args])


def test_bots_info_finds_the_bot(client: WebClient, workspace: Workspace) -> None:
    assert client.bots_info(bot=workspace.bot_id)["bot"]["user_id"] == workspace.bot_user
    with refused("bot_not_found"):
        client.bots_info(bot="B0NOBODY")
