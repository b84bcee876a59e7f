"""Fault switches, response_url, HTTP mode."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import RemoteDisconnected
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler  # noqa: F401 — proves the import path
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from bot.sandbox.slack import Person, SlackServer, Workspace
from tests.sandbox.conftest import bolt
from tests.sandbox.test_slack_socket_mode import BUTTON, Heard


def test_a_rate_limit_names_the_wait_and_ends_after_its_calls(
    client: WebClient, workspace: Workspace, ops: str
) -> None:
    workspace.faults.rate_limit("chat.postMessage", times=1, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=ops, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    assert client.chat_postMessage(channel=ops, text="y")["ok"]
    assert [m.text for m in workspace.messages("ops")] == ["y"]


def test_the_sdk_s_retry_handler_gets_over_a_rate_limit(
    server: SlackServer, workspace: Workspace, ops: str
) -> None:
    workspace.faults.rate_limit("chat.postMessage", times=1, retry_after=0)
    retrying = WebClient("xoxb-sandbox", server.api_url)
    retrying.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    assert retrying.chat_postMessage(channel=ops, text="x")["ok"]


def test_a_server_error_concerns_every_method_until_it_is_cleared(
    client: WebClient, workspace: Workspace
) -> None:
    workspace.faults.fail(times=None, status=503)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            client.auth_test()
        assert caught.value.response.status_code == 503
    workspace.faults.clear()
    assert client.auth_test()["ok"]


def test_a_dropped_call_has_no_effect_and_a_lost_answer_has(
    client: WebClient, workspace: Workspace, ops: str
) -> None:
    workspace.faults.drop("chat.postMessage")
    with pytest.raises(RemoteDisconnected):
        client.chat_postMessage(channel=ops, text="lost")
    workspace.faults.drop("chat.postMessage", after=True)
    with pytest.raises(RemoteDisconnected):
        client.chat_postMessage(channel=ops, text="posted")
    assert [m.text for m in workspace.messages("ops")] == ["posted"]


def test_a_dead_slack_answers_nothing(client: WebClient, workspace: Workspace) -> None:
    workspace.faults.dead = True
    with pytest.raises(RemoteDisconnected):
        client.auth_test()


def test_a_silent_slack_takes_a_call_and_never_answers_it(
    server: SlackServer, workspace: Workspace
) -> None:
    workspace.faults.silent = True
    with pytest.raises(TimeoutError):
        WebClient("xoxb-sandbox", server.api_url, timeout=1).auth_test()
    workspace.faults.clear()
    assert WebClient("xoxb-sandbox", server.api_url).auth_test()["ok"]


def test_a_duplicated_event_comes_twice_under_one_event_id(
    server: SlackServer, ana: Person, ops: str
) -> None:
    heard = Heard()
    message = ana.post("hello", "ops")
    ana.workspace.faults.duplicate("events_api")
    with bolt(server, heard.listen):
        ana.react("x", ops, message.ts)
        ana.workspace.wait_for(lambda: len(heard.events) == 2)
    assert heard.events[0]["event_id"] == heard.events[1]["event_id"]
    first, second = ana.workspace.deliveries.records
    assert first.envelope_id != second.envelope_id


def test_a_command_can_be_delivered_again(server: SlackServer, ana: Person) -> None:
    heard = Heard()
    with bolt(server, heard.listen):
        delivery = ana.command("/restore", "ops")
        again = ana.workspace.deliveries.redeliver(delivery)
        assert ana.workspace.deliveries.wait_for_ack(again)
    assert heard.commands[0]["trigger_id"] == heard.commands[1]["trigger_id"]


def test_a_skipped_event_never_arrives_but_the_reaction_stands(
    server: SlackServer, client: WebClient, ana: Person, ops: str
) -> None:
    heard = Heard()
    message = ana.post("hello", "ops")
    ana.workspace.faults.skip_event("reaction_added")
    with bolt(server, heard.listen):
        skipped = ana.react("x", ops, message.ts)
        sent = ana.react("+1", ops, message.ts)
        ana.workspace.wait_for(lambda: heard.events)
    assert skipped is not None
    assert sent is not None
    assert (skipped.sent, sent.sent) == (False, True)
    assert [body["event"]["reaction"] for body in heard.events] == ["+1"]
    assert list(message.reactions) == ["x", "+1"]


def test_a_zombie_socket_is_open_and_silent(server: SlackServer, ana: Person) -> None:
    with bolt(server, Heard().listen):
        ana.workspace.faults.zombie = True
        delivery = ana.command("/restore", "ops", timeout=0.05)
        assert server.sockets.connections == 1
    assert not delivery.acked


def test_a_response_url_is_good_five_times(server: SlackServer, ana: Person, ops: str) -> None:
    hook = WebhookClient(ana.workspace.new_response_url(ana.id, ops))
    answers = [hook.send(text=str(n)).status_code for n in range(6)]
    assert answers == [200] * 5 + [404]
    assert hook.send(text="x").body == "used_url"
    assert [e.text for e in ana.ephemerals("ops")] == ["0", "1", "2", "3", "4"]


def test_a_response_url_is_good_for_half_an_hour(
    server: SlackServer, ana: Person, ops: str
) -> None:
    hook = WebhookClient(ana.workspace.new_response_url(ana.id, ops))
    ana.workspace.now = lambda: time.time() + 30 * 60 + 1
    assert hook.send(text="late").body == "expired_url"


def test_a_response_may_go_to_the_channel_or_replace_its_message(
    client: WebClient, ana: Person, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="card", blocks=[BUTTON])["ts"]
    hook = WebhookClient(ana.workspace.new_response_url(ana.id, ops, ts))
    hook.send(text="for all", response_type="in_channel")
    hook.send(text="replaced", replace_original=True)
    assert [m.text for m in ana.workspace.messages("ops")] == ["replaced", "for all"]
    hook.send(delete_original=True)
    assert [m.text for m in ana.workspace.messages("ops")] == ["for all"]
    assert hook.send(text="").body == "no_text"


class _Endpoint(BaseHTTPRequestHandler):
    """The app's request URL: hands each request to Bolt, as a web framework would."""

    app: App

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers: dict[str, str | Sequence[str]] = {k: [v] for k, v in self.headers.items()}
        answer = self.app.dispatch(BoltRequest(body=body, headers=headers))
        self.send_response(answer.status)
        self.end_headers()
        self.wfile.write(answer.body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def endpoint(server: SlackServer) -> Iterator[Heard]:
    heard = Heard()
    web = WebClient(token="xoxb-sandbox", base_url=server.api_url)
    _Endpoint.app = App(client=web, signing_secret=server.workspace.signing_secret)
    heard.listen(_Endpoint.app)
    listening = HTTPServer(("127.0.0.1", 0), _Endpoint)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.deliver_to(f"http://127.0.0.1:{listening.server_port}/slack/events")
    yield heard
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_over_http_commands_events_and_buttons_arrive_signed(
    endpoint: Heard, client: WebClient, ana: Person, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="card", blocks=[BUTTON])["ts"]
    assert ana.command("/restore latest", "ops").ack == {"text": "at your service"}
    reaction = ana.react("x", ops, ts)
    assert reaction is not None
    assert reaction.acked
    assert ana.click("stop", ops, ts).acked
    assert len(endpoint.commands) == len(endpoint.events) == len(endpoint.actions) == 1


def test_over_http_a_forged_signature_reaches_no_listener(
    endpoint: Heard, server: SlackServer, ana: Person
) -> None:
    transport = server.workspace.deliveries.transport
    assert transport is not None
    server.workspace.signing_secret = "guessed"
    server.deliver_to(transport.request_url)  # type: ignore[attr-defined]  # it is a Webhook here
    assert not ana.command("/restore", "ops", timeout=0.05).acked
    assert endpoint.commands == []


def test_over_http_an_app_that_is_away_gets_nothing(server: SlackServer, ana: Person) -> None:
    server.deliver_to("http://127.0.0.1:9/slack/events")
    assert not ana.command("/restore", "ops", timeout=0.05).sent


def control(server: SlackServer, verb: str, **arguments: Any) -> tuple[int, Any]:
    body = json.dumps(arguments).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.base_url}/control/{verb}", body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as response:
            return response.status, json.load(response)["result"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]


def test_another_process_can_act_as_people_and_read_what_happened(
    server: SlackServer, client: WebClient, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="card", blocks=[BUTTON])["ts"]
    heard = Heard()
    with bolt(server, heard.listen):
        status, said = control(server, "command", **{"as": "ana"}, line="/restore", channel="ops")
        assert (status, said["acked"]) == (200, True)
        control(server, "react", **{"as": "ben"}, emoji="x", channel="ops", ts=ts)
        clicked = control(server, "click", **{"as": "ben"}, action_id="stop", channel="ops", ts=ts)[
            1
        ]
        assert clicked["acked"]
    whispered = control(server, "ephemerals", **{"as": "ana"}, channel="ops")[1]
    assert whispered[0]["text"] == "at your service"
    (message,) = control(server, "messages", channel="ops")[1]
    assert message["reactions"] == [{"name": "x", "users": ["U0BEN"], "count": 1}]
    assert control(server, "calls", method="chat.postMessage")[1][0]["error"] is None


def test_another_process_can_change_people_and_switch_faults(
    server: SlackServer, client: WebClient
) -> None:
    assert control(server, "user", key="ben", deleted=True)[1]["deleted"] is True
    assert control(server, "usergroup", key="dba", users=["cho"])[1]["users"] == ["U0CHO"]
    control(server, "fault", switch="fail", method="auth.test", status=500)
    with pytest.raises(SlackApiError):
        client.auth_test()
    people = control(server, "people")[1]
    assert {user["name"]: user["deleted"] for user in people["users"]}["ben"] is True


def test_waiting_over_the_control_interface_ends_with_the_next_change(
    server: SlackServer, ana: Person
) -> None:
    before = ana.workspace.revision
    writer = threading.Timer(0.05, lambda: ana.post("now", "ops"))
    writer.start()
    assert control(server, "wait", revision=before, timeout=5)[1] > before
    writer.join()


@pytest.mark.parametrize(
    ("verb", "arguments", "status", "sentence"),
    [
        ("dance", {}, 404, "no verb 'dance'"),
        ("post", {"as": "zoe", "text": "x", "channel": "ops"}, 400, "no person 'zoe'"),
        ("post", {"as": "ana", "text": "x", "channel": "attic"}, 400, "no channel 'attic'"),
        ("user", {"key": "ana", "id": "U1"}, 400, "no such fields"),
        ("fault", {"switch": "gravity"}, 400, "no fault switch"),
        ("redeliver", {"envelope_id": "none"}, 400, "no delivery"),
    ],
)
def test_a_wrong_control_call_is_answered_with_a_sentence(
    server: SlackServer, verb: str, arguments: dict[str, Any], status: int, sentence: str
) -> None:
    code, error = control(server, verb, **arguments)
    assert code == status
    assert sentence in error


def test_a_form_from_a_web_page_elsewhere_cannot_act(
    server: SlackServer, workspace: Workspace
) -> None:
    body = json.dumps({"as": "ana", "text": "x", "channel": "ops"}).encode()
    headers = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{server.base_url}/control/post", body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError, match="415") as caught:
        opener.open(request)
    caught.value.close()
    assert workspace.messages("ops") == []
