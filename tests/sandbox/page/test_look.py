"""What one person sees: their channels, their unread messages, their ephemerals, at once."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient

from bot.core.permissions import COMMANDS
from bot.sandbox.slack import Person, SlackServer, Workspace
from bot.sandbox.slack.api.views import open_view
from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.page.look import look

Json = dict[str, Any]


class Taken:
    """A road to an app that acks everything."""

    def __init__(self, workspace: Workspace) -> None:
        self.deliveries = workspace.deliveries

    def carry(self, delivery: Delivery) -> bool:
        self.deliveries.acknowledge(delivery.envelope_id, None, "test")
        return True


def control(server: SlackServer, verb: str, **args: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    address = f"{server.base_url}/control/{verb}"
    request = urllib.request.Request(address, json.dumps(args).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())["result"]


def entry(person: Person, name: str, **read: str) -> Json:
    channels = look(person, read=read)["channels"]
    return next(dict(c) for c in channels if c["name"] == name)


def test_people_see_public_channels_and_of_the_others_only_their_own(
    workspace: Workspace, ana: Person
) -> None:
    workspace.add_channel("open", ["ben"])
    workspace.add_channel("secret", ["ben"], is_private=True)
    workspace.direct_channel("U0BEN")
    seen = {c["name"]: c["is_member"] for c in look(ana)["channels"]}
    assert seen == {"ops": True, "open": False, "dm-U0ANA": True}
    with pytest.raises(LookupError, match="no channel 'secret'"):
        look(ana, "secret")


def test_one_sees_one_s_own_ephemerals_only(workspace: Workspace, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0ANA", text="for Ana")
    client.chat_postMessage(channel="C0OPS", text="for all")
    shown = {
        name: [m["text"] for m in look(Person(workspace, name), "C0OPS")["messages"]]
        for name in ("ana", "ben")
    }
    assert shown == {"ana": ["for Ana", "for all"], "ben": ["for all"]}


def test_unread_messages_and_mentions_are_counted_from_what_was_read(
    workspace: Workspace, client: WebClient
) -> None:
    first = client.chat_postMessage(channel="C0OPS", text="<@U0BEN>")["ts"]
    user = {"type": "user", "user_id": "U0BEN"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [user]}]}
    client.chat_postMessage(channel="C0OPS", text="rich", blocks=[rich])
    client.chat_postMessage(channel="C0OPS", text="<!subteam^S0DBA>")
    client.chat_postMessage(channel="C0OPS", text="nobody")
    ben = Person(workspace, "ben")
    ben.post("my own <@U0BEN>", "ops")
    counted = [entry(ben, "ops"), entry(ben, "ops", C0OPS=str(first))]
    assert [(c["unread"], c["mentions"]) for c in counted] == [(4, 3), (3, 2)]
    assert entry(Person(workspace, "dan"), "ops")["mentions"] == 0


def test_the_channel_counts_replies_and_the_thread_shows_them(
    client: WebClient, ana: Person
) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="card")["ts"]
    note = client.chat_postMessage(channel="C0OPS", text="note", thread_ts=ts)["ts"]
    client.chat_postEphemeral(channel="C0OPS", user="U0ANA", text="psst", thread_ts=ts)
    shown = look(ana, "C0OPS", str(ts))
    assert [(m["text"], m["replies"], m["latest_reply"]) for m in shown["messages"]] == [
        ("card", 1, note)
    ]
    assert [m["text"] for m in shown["thread"]] == ["card", "note", "psst"]


def test_everybody_who_reacted_is_named(workspace: Workspace, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="vote")["ts"]
    for name in ("ana", "ben", "cho", "dan"):
        Person(workspace, name).react("x", "ops", str(ts))
    (message,) = look(Person(workspace, "ana"), "C0OPS")["messages"]
    assert message["reactions"] == [
        {"name": "x", "users": ["U0ANA", "U0BEN", "U0CHO", "U0DAN"], "count": 4}
    ]


def test_the_commands_are_those_the_app_declared(workspace: Workspace, ana: Person) -> None:
    assert [c["name"] for c in look(ana)["commands"]] == [spec.name for spec in COMMANDS]
    workspace.commands = frozenset({"/audit"})
    (only,) = look(ana)["commands"]
    assert only["usage"] == "[run|@user|since=…]"


def test_a_look_waits_until_something_changes(server: SlackServer, ana: Person) -> None:
    revision = control(server, "look", **{"as": "ana"})["revision"]
    talk = threading.Timer(0.1, lambda: ana.post("news", "ops"))
    talk.start()
    shown = control(server, "look", **{"as": "ben"}, channel="C0OPS", revision=revision)
    talk.join()
    assert [m["text"] for m in shown["messages"]] == ["news"]
    assert shown["revision"] > revision


def test_a_look_in_vain_ends_in_time(workspace: Workspace, ana: Person) -> None:
    before = workspace.revision
    assert look(ana, revision=before, timeout=0.01)["revision"] == before


def test_a_server_that_stops_keeps_nobody_waiting(workspace: Workspace) -> None:
    with SlackServer(workspace) as server:
        address = urlsplit(server.base_url)
        before = threading.active_count()
        with socket.create_connection((address.hostname, address.port), timeout=5) as waiting:
            body = json.dumps({"revision": workspace.revision, "timeout": 25}).encode()
            head = (
                f"POST /control/wait HTTP/1.0\r\nHost: {address.netloc}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            waiting.sendall(head.encode() + body)
            workspace.wait_for(lambda: threading.active_count() > before, what="the request")
            begun = time.monotonic()
            server.stop()
            assert time.monotonic() - begun < 2


def test_the_page_knows_whether_the_app_is_there(server: SlackServer, ana: Person) -> None:
    assert look(ana)["connected"] is False
    server.deliver_to("http://127.0.0.1:9/")
    assert look(ana)["connected"] is True


def test_what_is_typed_in_a_modal_goes_along_with_a_press_in_it(
    server: SlackServer, workspace: Workspace
) -> None:
    workspace.deliveries.transport = Taken(workspace)
    label = {"type": "plain_text", "text": "Field"}
    button = {"type": "button", "action_id": "more", "text": label}
    element = {"type": "plain_text_input", "action_id": "it"}
    blocks: list[Json] = [
        {"type": "input", "block_id": "field", "label": label, "element": element},
        {"type": "actions", "elements": [button]},
    ]
    with workspace.lock:
        open_view(workspace, "U0ANA", {"type": "modal", "title": label, "blocks": blocks})
    typed = {"field": {"it": "so far"}}
    control(server, "click_in_view", **{"as": "ana"}, action_id="more", values=typed)
    payload = workspace.deliveries.records[-1].payload
    assert payload["view"]["state"]["values"]["field"]["it"]["value"] == "so far"
