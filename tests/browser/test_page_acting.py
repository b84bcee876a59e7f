"""What people do on the page, with the keyboard first; a real Bolt app answers."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.common.keys import Keys
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.adapters.slack.blocks_card import card
from bot.core.permissions import CANCEL_RUN, COMMANDS
from bot.sandbox.slack import SlackServer, Workspace
from tests.adapters.slack.test_blocks_card import folded, opened
from tests.browser.page import Open
from tests.core.run_samples import RUN
from tests.sandbox.conftest import bolt

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def test_two_people_talk_and_each_sees_it_at_once(pages: Open, workspace: Workspace) -> None:
    ana, ben = pages("ana"), pages("ben")
    ana.write("1 < 2 & @ben knows" + Keys.ENTER)
    assert ben.sees("1 < 2 & @ben knows")
    ben.write("yes" + Keys.SHIFT + Keys.ENTER + Keys.NULL + "and no" + Keys.ENTER)
    assert ana.sees("yes\nand no")
    stored = [(m.user, m.text) for m in workspace.messages("ops")]
    assert stored == [("U0ANA", "1 &lt; 2 &amp; <@U0BEN> knows"), ("U0BEN", "yes\nand no")]


def test_a_reaction_is_given_and_taken_back_by_keyboard_alone(
    pages: Open, client: WebClient, workspace: Workspace, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="vote here")["ts"]
    ana, ben = pages("ana"), pages("ben")
    ben.message("vote here")
    ben.press(Keys.ARROW_UP, "r", Keys.ARROW_RIGHT, Keys.ENTER)  # from the message box
    assert ana.one(".reaction", "❌")
    assert workspace.message(ops, ts).reactions == {"x": ["U0BEN"]}
    assert ben.focus().tag_name == "article"
    ben.press(Keys.TAB)
    assert ben.focus().get_attribute("aria-label") == "x: 1, you"
    assert ben.focus().get_attribute("aria-pressed") == "true"
    ben.press(Keys.SPACE)
    ana.wait(lambda: not ana.all(".reaction"), "the reaction gone")
    assert workspace.message(ops, ts).reactions == {}


def test_a_reaction_is_joined_by_a_click_and_counted(
    pages: Open, client: WebClient, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="vote here")["ts"]
    client.reactions_add(channel=ops, timestamp=ts, name="white_check_mark")
    ben = pages("ben")
    ben.click(".reaction", "1")
    assert ben.one(".reaction", "2").get_attribute("title") == (
        "Tsbot, you reacted with :white_check_mark:"
    )


def test_escape_closes_the_picker_and_gives_the_focus_back(
    pages: Open, client: WebClient, ops: str
) -> None:
    client.chat_postMessage(channel=ops, text="vote here")
    ana = pages("ana")
    ana.message("vote here")
    ana.press(Keys.ARROW_UP, "r")
    assert ana.all("#picker")
    ana.press(Keys.ESCAPE)
    assert not ana.all("#picker")
    assert ana.focus().tag_name == "article"


def test_a_slash_command_is_completed_hinted_and_answered(pages: Open, server: SlackServer) -> None:
    heard: list[Json] = []

    def configure(app: App) -> None:
        @app.command("/restore")
        def restore(ack: Ack, body: Json) -> None:
            heard.append(body)
            ack("The restore has begun.")

    with bolt(server, configure):
        ana = pages("ana")
        ana.write("/")
        offered = [line.split()[0] for line in ana.text(".options strong").splitlines()]
        assert offered == [spec.name for spec in COMMANDS]
        ana.write("re")
        assert ana.text(".options [aria-selected=true]").startswith("/restore")
        ana.press(Keys.ARROW_DOWN)
        assert ana.text(".options [aria-selected=true]").startswith("/refresh")
        ana.press(Keys.ARROW_UP, Keys.TAB)
        assert "/restore [backup|latest] [target] [strategy=…]" in ana.text("#write-main .hint")
        ana.press("latest demo reason=a<b @ben", Keys.ESCAPE, Keys.ENTER)
        assert "Only visible to you" in ana.message("The restore has begun.").text
    assert (heard[0]["command"], heard[0]["text"]) == (
        "/restore",
        "latest demo reason=a&lt;b <@U0BEN|ben>",
    )
    assert heard[0]["user_id"] == "U0ANA"


def test_a_command_nobody_answers_is_said_to_have_failed(pages: Open) -> None:
    ana = pages("ana")
    ana.write("/tsstatus" + Keys.ENTER)
    assert ana.sees("/tsstatus failed: the app is not connected.", "#notice")


def test_the_cancel_button_of_a_card_reaches_the_app(
    pages: Open, server: SlackServer, client: WebClient, ops: str
) -> None:
    pressed: list[tuple[str, str]] = []

    def configure(app: App) -> None:
        @app.action(CANCEL_RUN.action)
        def cancel(ack: Ack, body: Json) -> None:
            ack()
            pressed.append((body["user"]["id"], body["actions"][0]["value"]))

    look = card(folded(opened()), lambda *_: "")
    client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)
    with bolt(server, configure):
        ben = pages("ben")
        ben.one("#messages button", "Cancel").send_keys(Keys.ENTER)
        assert "nothing was changed" in ben.one("dialog", "Cancel this run?").text
        ben.click("dialog button", "Cancel the run")
        ben.wait(lambda: pressed, "the press")
    assert pressed == [("U0BEN", RUN)]


def test_the_home_tab_is_asked_for_and_shown(pages: Open, server: SlackServer) -> None:
    def configure(app: App) -> None:
        @app.event("app_home_opened")
        def opened_by(event: Json, client: WebClient) -> None:
            section = {"type": "section", "text": plain(f"Hello {event['user']}")}
            client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section]})

    with bolt(server, configure):
        ana = pages("ana")
        ana.click("#apps .channel", "tsbot")
        assert ana.sees("Hello U0ANA", "#scroll")
        assert ana.all("#write") == []


def test_one_becomes_somebody_else_by_arrow_key_and_sees_their_channels(
    pages: Open, workspace: Workspace
) -> None:
    workspace.add_channel("secret", ["ben"], is_private=True)
    ana = pages("ana")
    assert "secret" not in ana.text("#side")
    ana.write("a draft of Ana's")
    ana.browser.find_element("css selector", "#people input:checked").send_keys(Keys.ARROW_RIGHT)
    assert ana.sees("secret", "#side")
    assert ana.one("#write").get_attribute("placeholder") == "Message #ops as Ben"
    assert ana.one("#write").get_attribute("value") == ""
    ana.write("from Ben" + Keys.ENTER)
    assert ana.sees("from Ben")
    assert workspace.messages("ops")[0].user == "U0BEN"


def test_who_is_not_in_a_channel_is_told_so_and_keeps_what_was_typed(
    pages: Open, workspace: Workspace
) -> None:
    workspace.add_channel("others", ["ben"])
    ana = pages("ana", "?as=ana&channel=others")
    assert "Ana is not in this channel" in ana.text("#place")
    ana.write("let me in" + Keys.ENTER)
    assert ana.sees("ana is not in #others", "#notice")
    assert ana.one("#write").get_attribute("value") == "let me in"
