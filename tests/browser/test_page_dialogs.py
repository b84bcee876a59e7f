"""Questions, selects and modals on the page, between a person and a real Bolt app."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.common.keys import Keys
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.sandbox.slack import SlackServer, Workspace
from tests.browser.page import Open
from tests.sandbox.conftest import bolt

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    return {"text": plain(value.title()), "value": value}


def modal(title: str, *blocks: Json) -> Json:
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": plain(title),
        "submit": plain("Go on"),
        "blocks": list(blocks),
    }


def field(block_id: str, element: Json) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(block_id.title()),
        "element": {"action_id": "it", **element},
    }


def test_a_button_that_asks_first_acts_only_after_yes(
    pages: Open, server: SlackServer, client: WebClient, ops: str
) -> None:
    pressed: list[str] = []

    def configure(app: App) -> None:
        @app.action("drop")
        def drop(ack: Ack, body: Json) -> None:
            ack()
            pressed.append(body["actions"][0]["value"])

    sure = {
        "title": plain("Drop it?"),
        "text": plain("It is gone then."),
        "confirm": plain("Drop"),
        "deny": plain("Keep"),
    }
    button = {
        "type": "button",
        "action_id": "drop",
        "value": "v",
        "text": plain("Drop"),
        "confirm": sure,
    }
    blocks = [{"type": "actions", "elements": [button]}]
    client.chat_postMessage(channel=ops, text="old", blocks=blocks)
    with bolt(server, configure):
        ana = pages("ana")
        ana.click("#messages .button")
        assert "It is gone then." in ana.one("#sure").text
        assert ana.focus().text == "Keep"
        ana.press(Keys.ESCAPE)
        ana.wait(lambda: not ana.all("#sure"), "the question gone")
        assert server.workspace.deliveries.records == []
        ana.click("#messages .button")
        ana.click("#sure button", "Drop")
        ana.wait(lambda: pressed, "the press")
    assert pressed == ["v"]


def test_a_select_in_a_message_tells_the_app_what_was_chosen(
    pages: Open, server: SlackServer, client: WebClient, ops: str
) -> None:
    select = {
        "type": "static_select",
        "action_id": "which",
        "placeholder": plain("Which?"),
        "options": [option("old"), option("new")],
    }
    section = {"type": "section", "text": plain("A dump"), "accessory": select}
    client.chat_postMessage(channel=ops, text="a dump", blocks=[section])
    chosen: list[Json] = []

    def configure(app: App) -> None:
        @app.action("which")
        def which(ack: Ack, body: Json) -> None:
            ack()
            chosen.append(body["actions"][0]["selected_option"])

    with bolt(server, configure):
        ana = pages("ana")
        ana.one("#messages select").send_keys("N", Keys.ENTER)
        ana.wait(lambda: chosen, "the choice")
    assert chosen[0]["value"] == "new"


def test_a_modal_is_filled_in_refused_corrected_and_taken(
    pages: Open, server: SlackServer, workspace: Workspace
) -> None:
    taken: list[Json] = []
    first = modal(
        "Restore",
        field("target", {"type": "static_select", "options": [option("demo"), option("prod")]}),
        field("backup", {"type": "plain_text_input", "initial_value": "latest"}),
        field("how", {"type": "radio_buttons", "options": [option("swap"), option("in-place")]}),
    )

    def configure(app: App) -> None:
        @app.command("/restore")
        def restore(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=first)

        @app.view("ask")
        def submitted(ack: Ack, view: Json) -> None:
            state = view["state"]["values"]
            taken.append(state)
            if state["target"]["it"]["selected_option"]["value"] == "prod":
                ack(response_action="errors", errors={"target": "prod is not a target"})
            elif view["title"]["text"] == "Restore":
                ack(response_action="update", view=modal("Sure?", *first["blocks"]))
            else:
                ack()

    with bolt(server, configure):
        ana = pages("ana")
        ana.write("/restore" + Keys.ENTER)
        assert ana.one("#modal h2").text == "Restore"
        ana.press("P", Keys.TAB, Keys.END + " one", Keys.TAB, Keys.SPACE, Keys.ENTER)
        assert ana.sees("prod is not a target", "#modal .wrong")
        assert ana.focus().tag_name == "select"
        assert ana.one("#modal input").get_attribute("value") == "latest one"
        ana.press("D")
        ana.click("#modal button", "Go on")
        assert ana.one("#modal h2", "Sure?")
        ana.click("#modal button", "Go on")
        ana.wait(lambda: not ana.all("#modal"), "the modal gone")
        assert ana.focus().get_attribute("id") == "write"
    assert len(taken) == 3
    assert taken[2]["backup"]["it"]["value"] == "latest one"
    assert taken[2]["how"]["it"]["selected_option"]["value"] == "swap"


def test_a_required_input_left_empty_is_named_and_escape_closes_the_modal(
    pages: Open, server: SlackServer
) -> None:
    def configure(app: App) -> None:
        @app.command("/restore")
        def restore(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            asked = modal("Restore", field("backup", {"type": "plain_text_input"}))
            client.views_open(trigger_id=body["trigger_id"], view=asked)

    with bolt(server, configure):
        ana = pages("ana")
        ana.write("/restore" + Keys.ENTER)
        ana.click("#modal button", "Go on")
        assert ana.sees("Please fill this in.", "#modal .wrong")
        assert ana.focus().get_attribute("aria-invalid") == "true"
        ana.press(Keys.ESCAPE)
        ana.wait(lambda: not ana.all("#modal"), "the modal gone")
