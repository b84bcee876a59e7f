from __future__ import annotations

from bot.core.models import Origin, Person
from bot.sandbox.slack import Workspace, payloads
from handlers.origins import delivery_id, of_action, of_command, of_event
from tests.live_bot import office


def ana(workspace: Workspace) -> Person:
    return Person(workspace.user("ana").id, "ana")


def test_a_command_says_who_asked_where_and_by_which_delivery() -> None:
    workspace = office()
    body = payloads.slash_command(
        workspace, workspace.user("ana"), workspace.channel("ops"), "/audit since=1h"
    )
    assert of_command(body) == Origin(ana(workspace), "C0OPS", "ops", body["trigger_id"])
    assert delivery_id(body) == body["trigger_id"]


def test_a_click_says_who_pressed_where_and_by_which_delivery() -> None:
    workspace = office()
    place = {"channel": {"id": "C0OPS", "name": "ops"}}
    body = payloads.block_actions(workspace, workspace.user("ana"), {"action_id": "x"}, place)
    assert of_action(body) == Origin(ana(workspace), "C0OPS", "ops", body["trigger_id"])
    assert delivery_id(body) == body["trigger_id"]


def test_a_click_outside_a_channel_has_no_place() -> None:
    workspace = office()
    body = payloads.block_actions(workspace, workspace.user("ana"), {"action_id": "x"}, {})
    assert of_action(body).channel == ""


def test_an_event_says_who_and_where_by_id_alone() -> None:
    workspace = office()
    event = {"type": "app_mention", "user": "U0ANA", "channel": "C0OPS", "text": "x"}
    body = payloads.event_callback(workspace, event)
    assert of_event(body) == Origin(Person("U0ANA", "U0ANA"), "C0OPS", "", body["event_id"])
    assert delivery_id(body) == body["event_id"]


def test_a_nameless_person_is_called_by_their_id() -> None:
    assert of_command({"user_id": "U1"}).person == Person("U1", "U1")
    assert of_action({"user": {"id": "U1"}}).person == Person("U1", "U1")


def test_what_has_no_id_of_its_own_has_no_delivery() -> None:
    assert delivery_id({"type": "view_closed"}) == ""
