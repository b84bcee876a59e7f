"""A real Bolt app over real sockets: commands, events, buttons, modals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_bolt import Ack, App, Respond, Say
from slack_sdk import WebClient

from bot.sandbox.slack import ActionRefused, Person, SlackServer, Workspace
from tests.sandbox.conftest import bolt, refused

Json = dict[str, Any]
MODAL: Json = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Restore"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "which",
            "label": {"type": "plain_text", "text": "Backup"},
            "element": {
                "type": "static_select",
                "action_id": "name",
                "options": [{"text": {"type": "plain_text", "text": "A"}, "value": "a"}],
            },
        },
    ],
}
BUTTON: Json = {
    "type": "actions",
    "block_id": "row",
    "elements": [
        {
            "type": "button",
            "action_id": "stop",
            "value": "run-1",
            "text": {"type": "plain_text", "text": "Stop"},
        }
    ],
}
FILLED = {"why": {"text": "disk died"}, "which": {"name": "a"}}


class Heard:
    """What the app's listeners were given."""

    def __init__(self) -> None:
        self.commands: list[Json] = []
        self.events: list[Json] = []
        self.actions: list[Json] = []
        self.states: list[Json] = []
        self.answer: Json = {}

    def listen(self, app: App) -> None:
        app.command("/restore")(self.on_command)
        app.command("/ask")(self.on_ask)
        app.action("stop")(self.on_stop)
        app.view("ask")(self.on_submit)
        for kind in ("reaction_added", "reaction_removed", "app_mention", "app_home_opened"):
            app.event(kind)(self.on_event)

    def on_command(self, ack: Ack, body: Json) -> None:
        self.commands.append(body)
        ack("at your service")

    def on_ask(self, ack: Ack, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    def on_stop(self, ack: Ack, body: Json, respond: Respond) -> None:
        ack()
        self.actions.append(body)
        if "response_url" in body:  # clicks in a view have none
            respond("stopping", response_type="ephemeral", replace_original=False)

    def on_submit(self, ack: Ack, view: Json) -> None:
        self.states.append(view["state"]["values"])
        ack(**self.answer)

    def on_event(self, body: Json, say: Say) -> None:
        self.events.append(body)
        if body["event"]["type"] == "app_mention":
            say("you called?")


@pytest.fixture
def heard(server: SlackServer) -> Iterator[Heard]:
    listeners = Heard()
    with bolt(server, listeners.listen):
        yield listeners


def test_a_command_is_acked_and_its_ack_is_shown_to_the_person(heard: Heard, ana: Person) -> None:
    delivery = ana.command("/restore latest dry-run", "ops")
    assert delivery.ack == {"text": "at your service"}
    assert delivery.latency is not None
    assert delivery.latency < 1
    (payload,) = heard.commands
    assert payload["command"] == "/restore"
    assert payload["text"] == "latest dry-run"
    assert payload["user_id"] == ana.id
    assert payload["channel_name"] == "ops"
    assert payload["team_id"] == ana.workspace.team_id
    assert [e.text for e in ana.ephemerals("ops")] == ["at your service"]


def test_a_burst_of_commands_is_acked_one_by_one(heard: Heard, ana: Person) -> None:
    deliveries = [ana.command(f"/restore {n}", "ops") for n in range(30)]
    assert all(delivery.acked for delivery in deliveries)
    assert sorted(int(c["text"]) for c in heard.commands) == list(range(30))


def test_a_command_the_app_did_not_declare_is_refused_by_the_client() -> None:
    workspace = Workspace(commands=["/restore"])
    workspace.add_user("ana")
    workspace.add_channel("ops")
    with pytest.raises(ActionRefused, match="/destroy is not a valid command"):
        Person(workspace, "ana").command("/destroy", "ops")


def test_a_command_while_the_app_is_away_is_neither_sent_nor_acked(ana: Person) -> None:
    delivery = ana.command("/restore", "ops", timeout=0.01)
    assert (delivery.sent, delivery.acked) == (False, False)


def test_a_reaction_arrives_with_item_user_and_event_id(
    heard: Heard, client: WebClient, ana: Person, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="vote")["ts"]
    ana.react("+1::skin-tone-2", ops, ts)
    ana.unreact("+1::skin-tone-2", ops, ts)
    ana.workspace.wait_for(lambda: len(heard.events) == 2)
    added, removed = sorted(heard.events, key=lambda body: str(body["event"]["type"]))
    assert added["event"] | {"event_ts": ""} == {
        "type": "reaction_added",
        "user": ana.id,
        "reaction": "+1::skin-tone-2",
        "item": {"type": "message", "channel": ops, "ts": ts},
        "item_user": ana.workspace.bot_user,
        "event_ts": "",
    }
    assert added["event_id"] != removed["event_id"]
    assert removed["event"]["type"] == "reaction_removed"
    assert added["authorizations"][0]["user_id"] == ana.workspace.bot_user


def test_a_mention_reaches_the_app_and_is_answered(heard: Heard, ana: Person) -> None:
    ana.mention("help", "ops")
    ana.workspace.wait_for(lambda: len(ana.workspace.messages("ops")) == 2)
    assert ana.workspace.messages("ops")[-1].text == "you called?"


def test_the_app_hears_nothing_of_channels_it_is_not_in(heard: Heard, ana: Person) -> None:
    ana.workspace.add_channel("elsewhere", with_bot=False)
    message = ana.post("hello", "elsewhere")
    assert ana.react("x", "elsewhere", message.ts) is None


def test_a_button_carries_its_value_and_message_and_may_be_answered(
    heard: Heard, client: WebClient, ana: Person, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="card", blocks=[BUTTON])["ts"]
    assert ana.click("stop", ops, ts).acked
    ana.workspace.wait_for(lambda: ana.ephemerals("ops"))
    (body,) = heard.actions
    assert body["actions"][0]["value"] == "run-1"
    assert body["actions"][0]["block_id"] == "row"
    assert body["message"]["ts"] == body["container"]["message_ts"] == ts
    assert body["channel"]["id"] == ops
    assert ana.ephemerals("ops")[0].text == "stopping"


def test_a_button_that_is_gone_can_be_pressed_only_in_an_old_picture(
    heard: Heard, client: WebClient, ana: Person, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="card", blocks=[BUTTON])["ts"]
    client.chat_update(channel=ops, ts=ts, text="done")
    with pytest.raises(ActionRefused, match="no 'stop' to press"):
        ana.click("stop", ops, ts)
    assert ana.click("stop", ops, ts, version=0).acked


def test_a_modal_is_opened_filled_in_and_closed(heard: Heard, ana: Person) -> None:
    ana.command("/ask", "ops")
    ana.workspace.wait_for(lambda: ana.modal, what="a modal")
    with pytest.raises(ActionRefused, match="why"):
        ana.submit({"which": {"name": "a"}})
    assert ana.submit(FILLED).response_action == "close"
    assert heard.states[0]["why"]["text"]["value"] == "disk died"
    assert heard.states[0]["which"]["name"]["selected_option"]["value"] == "a"
    assert ana.modal is None


def test_a_modal_with_errors_stays_open_and_shows_them(heard: Heard, ana: Person) -> None:
    heard.answer = {"response_action": "errors", "errors": {"why": "say more"}}
    ana.command("/ask", "ops")
    view = ana.workspace.wait_for(lambda: ana.modal)
    submitted = ana.submit(FILLED)
    assert submitted.response_action == "errors"
    assert view is not None
    assert view.errors == {"why": "say more"}
    assert ana.modal is view


def test_a_modal_may_be_replaced_by_the_ack(heard: Heard, ana: Person) -> None:
    shown = MODAL | {"title": {"type": "plain_text", "text": "Sure?"}}
    heard.answer = {"response_action": "update", "view": shown}
    ana.command("/ask", "ops")
    ana.workspace.wait_for(lambda: ana.modal)
    ana.submit(FILLED)
    assert ana.modal is not None
    assert ana.modal.shown["title"]["text"] == "Sure?"


def test_a_trigger_id_is_good_once_and_for_three_seconds(client: WebClient, ana: Person) -> None:
    workspace = ana.workspace
    used, late = workspace.new_trigger(ana.id), workspace.new_trigger(ana.id)
    client.views_open(trigger_id=used, view=MODAL)
    with refused("exchanged_trigger_id"):
        client.views_open(trigger_id=used, view=MODAL)
    workspace.now = lambda: time.time() + 3.1
    with refused("expired_trigger_id"):
        client.views_open(trigger_id=late, view=MODAL)
    with refused("invalid_trigger_id"):
        client.views_open(trigger_id="1.2.3", view=MODAL)


def test_a_view_is_updated_only_by_whoever_saw_its_last_state(
    client: WebClient, ana: Person
) -> None:
    opened = client.views_open(trigger_id=ana.workspace.new_trigger(ana.id), view=MODAL)["view"]
    client.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL)
    with refused("hash_conflict"):
        client.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL)
    ana.close_modal()
    with refused("not_found"):
        client.views_update(view_id=opened["id"], view=MODAL)


@pytest.mark.parametrize(
    "change",
    [
        {"title": {"type": "plain_text", "text": "x" * 25}},
        {"submit": None},
        {"type": "home"},
        {"private_metadata": "x" * 3001},
    ],
)
def test_a_modal_slack_would_refuse_is_refused(
    client: WebClient, ana: Person, change: Json
) -> None:
    with refused("invalid_arguments"):
        client.views_open(trigger_id=ana.workspace.new_trigger(ana.id), view=MODAL | change)
    assert ana.modal is None


def test_the_home_tab_is_published_and_published_again(
    heard: Heard, client: WebClient, ana: Person
) -> None:
    assert ana.open_home() is not None
    ana.workspace.wait_for(lambda: heard.events)
    for blocks in ([{"type": "divider"}], [BUTTON]):
        client.views_publish(user_id=ana.id, view={"type": "home", "blocks": blocks})
    assert ana.home is not None
    assert ana.home.shown["blocks"][0]["block_id"] == "row"
    assert ana.click_in_view("stop").acked


def test_a_payload_goes_to_one_of_several_sockets(server: SlackServer, ana: Person) -> None:
    one, two = Heard(), Heard()
    with bolt(server, one.listen), bolt(server, two.listen):
        carriers = {ana.command("/restore", "ops").carrier for _ in range(4)}
    assert len(carriers) == 2
    assert len(one.commands) + len(two.commands) == 4


def test_a_ticket_opens_one_socket(server: SlackServer, client: WebClient) -> None:
    url = client.apps_connections_open(app_token="xapp-sandbox")["url"]
    address = urlsplit(url)
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    statuses = []
    for _ in range(2):
        with closing(HTTPConnection("127.0.0.1", address.port or 0, timeout=3)) as connection:
            connection.request("GET", f"{address.path}?{address.query}", headers=upgrade)
            with closing(connection.getresponse()) as answer:
                statuses.append(answer.status)
    assert statuses == [101, 401]


def test_after_a_disconnect_message_the_app_comes_back(
    heard: Heard, server: SlackServer, ana: Person
) -> None:
    server.sockets.disconnect("warning")
    ana.workspace.wait_for(lambda: server.sockets.opened == 2, what="a second socket")
    ana.workspace.wait_for(lambda: server.sockets.connections == 1, what="the first one's end")
    assert ana.command("/restore", "ops").acked
