"""What stands on the page: the bot's messages, live, for the right people, and as letters only."""

from __future__ import annotations

import re
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.adapters.slack.blocks_answers import help_page
from bot.adapters.slack.blocks_card import OUTCOMES, card
from bot.adapters.slack.blocks_gate import gate
from bot.core.permissions import COMMANDS
from bot.sandbox.slack import Person, SlackServer, Workspace
from tests.adapters.slack.test_blocks_card import folded, opened, restoring
from tests.browser.page import Open
from tests.browser.pictures import screen
from tests.core.run_samples import a_notice, finished

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"


def test_the_gate_s_message_reads_as_on_slack(pages: Open, client: WebClient, ops: str) -> None:
    look = gate(a_notice())
    client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)
    ben = pages("ben")
    shown = ben.message("Approval needed: restore demo").text
    assert "@ben @dba\nReact with ✅ to approve or ❌ to stop it. 2 approvals missing" in shown
    assert "⚠️ 1. Stop applications (destructive)" in shown
    assert "PostgreSQL restarts; 3 sessions of other databases end" in ben.text("#messages ul li")
    assert "2 approvals missing" in ben.text("#messages strong")
    assert a_notice().digest in ben.text("#messages .context code")
    assert [e.text for e in ben.all(".mention.me")] == ["@ben", "@dba"]


def test_a_card_is_painted_over_without_reloading(pages: Open, client: WebClient, ops: str) -> None:
    ana = pages("ana")
    look = card(folded(opened(), *restoring(0.25)), lambda *_: "")
    ts = client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)["ts"]
    assert ana.sees("25 %")
    ana.browser.execute_script("window.same = true")
    look = card(folded(opened(), *restoring(0.75)), lambda *_: "")
    client.chat_update(channel=ops, ts=ts, text=look.text, blocks=look.blocks)
    assert ana.sees("75 %")
    assert "25 %" not in ana.text("#messages")
    assert ana.browser.execute_script("return window.same") is True


def test_a_new_message_is_read_aloud_and_a_card_painted_over_is_not(
    pages: Open, client: WebClient, ops: str
) -> None:
    ana = pages("ana")
    spoken = ana.browser.find_element("id", "said")
    ts = client.chat_postMessage(channel=ops, text="Restore of demo: 10 %")["ts"]
    ana.wait(lambda: spoken.text == "Tsbot: Restore of demo: 10 %", "the new message, aloud")
    client.chat_update(channel=ops, ts=ts, text="Restore of demo: 20 %")
    assert ana.sees("20 %")
    assert spoken.text == "Tsbot: Restore of demo: 10 %"


def test_a_run_that_ended_shows_its_outcome(pages: Open, client: WebClient, ops: str) -> None:
    look = card(folded(finished("failed", "pg_restore ended with 1.")), lambda *_: "")
    client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)
    assert "❌ Failed after" in pages("ana").message("Restore of demo").text


def test_an_ephemeral_message_is_shown_to_one_person_only(
    pages: Open, client: WebClient, workspace: Workspace, ops: str
) -> None:
    look = help_page([(spec, True) for spec in COMMANDS])
    ana, ben = pages("ana"), pages("ben")
    client.chat_postEphemeral(channel=ops, user="U0ANA", text=look.text, blocks=look.blocks)
    assert "Only visible to you" in ana.message("What you may do here").text
    Person(workspace, "cho").post("said after it", ops)
    assert ben.sees("said after it")
    assert "What you may do here" not in ben.browser.page_source


@pytest.mark.parametrize("blocks", [None, "rich", "section", "header", "button"])
def test_text_from_outside_stays_letters(
    pages: Open, client: WebClient, ops: str, blocks: str | None
) -> None:
    plain = {"type": "plain_text", "text": HOSTILE[:75]}
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": HOSTILE}]}
    shapes: dict[str, dict[str, Any]] = {
        "rich": {"type": "rich_text", "elements": [rich]},
        "section": {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}},
        "header": {"type": "header", "text": plain},
        "button": {"type": "actions", "elements": [{"type": "button", "text": plain}]},
    }
    sent = [shapes[blocks]] if blocks else None
    client.chat_postMessage(channel=ops, text=HOSTILE, blocks=sent)
    ana = pages("ana")
    assert ana.sees("<img src=x onerror=document.title='owned'>")
    assert "sandbox — not Slack" in ana.browser.title
    assert ana.browser.find_elements("css selector", "#messages :is(img, script)") == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
def test_a_link_that_is_no_web_address_is_only_text(
    pages: Open, client: WebClient, ops: str, url: str
) -> None:
    link = {"type": "link", "url": url, "text": "press me"}
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]}
    client.chat_postMessage(channel=ops, text=f"<{url}|press me>", blocks=[block])
    ana = pages("ana")
    assert ana.sees("press me")
    assert ana.all("#messages a") == []


def test_every_style_of_mrkdwn_is_shown(pages: Open, client: WebClient, ops: str) -> None:
    text = (
        "*bold* _slanted_ ~gone~ `code *x*` 2 * 3 * 4 snake_case_name :tada: :no_such_thing:\n"
        "> quoted\n```\npre <b>\n``` <https://tsbot.test|a page> <!date^0^{date_num}|old> <#C0OPS>"
    )
    client.chat_postMessage(channel=ops, text=text)
    ana = pages("ana")
    shown = ana.message("snake_case_name").text
    assert "code *x* 2 * 3 * 4 snake_case_name 🎉 :no_such_thing:" in shown
    assert [e.text for e in ana.all(".body :is(strong, em, s, blockquote, pre, code, a)")] == [
        "bold", "slanted", "gone", "code *x*", "quoted", "pre <b>", "a page",
    ]  # fmt: skip
    assert "1970-01-01 #ops" in shown


def test_every_emoji_the_bot_sends_is_drawn(pages: Open, client: WebClient, ops: str) -> None:
    names = sorted({*OUTCOMES.values(), "raised_hand", "stopwatch", "ballot_box_with_ballot"})
    client.chat_postMessage(channel=ops, text="signs " + " ".join(f":{name}:" for name in names))
    shown = pages("ana").message("signs").find_element("css selector", ".body").text
    assert re.findall(r":\w+:", shown) == []
    assert len(shown.split()) == len(names) + 1


def test_a_thread_is_read_and_answered_beside_the_channel(
    pages: Open, client: WebClient, workspace: Workspace, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="the card")["ts"]
    client.chat_postMessage(channel=ops, text="a note", thread_ts=ts)
    ana = pages("ana")
    ana.click(".replies", "1 reply")
    assert ana.sees("a note", "#thread")
    assert "a note" not in ana.text("#messages")
    ana.wait(
        lambda: ana.focus().get_attribute("id") == "write-in-thread", "the focus in the thread"
    )
    ana.press("thanks @ben ", "\ue007")
    assert ana.sees("thanks @ben", "#thread-messages")
    assert workspace.messages(ops)[-1].thread_ts == ts
    assert workspace.messages(ops)[-1].text == "thanks <@U0BEN>"
    assert ana.sees("2 replies")


def test_a_link_to_a_message_goes_there_without_leaving_the_page(
    pages: Open, client: WebClient, server: SlackServer, workspace: Workspace, ops: str
) -> None:
    workspace.add_channel("other")
    ts = client.chat_postMessage(channel=ops, text="the gate")["ts"]
    link = client.chat_getPermalink(channel=ops, message_ts=ts)["permalink"]
    client.chat_postMessage(channel="C0OTHER", text=f"<{link}|vote here>")
    ana = pages("ana", "?as=ana&channel=other")
    ana.click("#messages a", "vote here")
    assert ana.one("article.found .body").text == "the gate"
    assert len(ana.browser.window_handles) == 2  # the empty first one, and this
    ana.go(link)
    assert ana.one("article.found .body").text == "the gate"


def test_what_a_person_has_not_read_is_marked(
    pages: Open, client: WebClient, workspace: Workspace
) -> None:
    other = workspace.add_channel("other").id
    ben = pages("ben")
    client.chat_postMessage(channel=other, text="for <@U0BEN>")
    client.chat_postMessage(channel=other, text="for <!subteam^S0DBA>")
    client.chat_postMessage(channel=other, text="for nobody")
    ben.click(".channel.unread", "3 unread, 2 mentioning you")
    assert ben.sees("for nobody")
    assert ben.all(".channel.unread") == []


def test_what_came_while_one_was_elsewhere_stands_below_a_line(
    pages: Open, client: WebClient, workspace: Workspace, ops: str
) -> None:
    workspace.add_channel("other")
    client.chat_postMessage(channel=ops, text="read before")
    ana = pages("ana")
    assert ana.sees("read before")
    ana.click(".channel", "# other")
    ana.wait(lambda: "read before" not in ana.text("#messages"), "the other channel")
    client.chat_postMessage(channel=ops, text="came later")
    ana.click(".channel", "# ops")
    assert ana.sees("came later")
    lines = ana.text("#messages").splitlines()
    assert lines.index("read before") < lines.index("New") < lines.index("came later")


def test_the_page_says_that_it_is_not_slack(pages: Open) -> None:
    ana = pages("ana")
    assert "tsbot sandbox" in ana.text(".brand")
    assert "not Slack" in ana.text(".brand")
    assert ana.browser.title == "ana · tsbot sandbox — not Slack"


def test_on_a_phone_nothing_scrolls_sideways_and_the_channels_come_on_request(
    pages: Open, client: WebClient, ops: str
) -> None:
    for look in (gate(a_notice()), card(folded(opened(), *restoring()), lambda *_: "")):
        ts = client.chat_postMessage(channel=ops, text=look.text, blocks=look.blocks)["ts"]
    client.chat_postMessage(channel=ops, text="x" * 300, thread_ts=ts)
    ana = pages("ana")
    width = "return [document.documentElement.scrollWidth, window.innerWidth]"
    with screen(ana.browser, 360, 740):
        ana.message("Restore of demo")
        assert ana.browser.execute_script(width) == [360, 360]
        assert ana.all("#side") == []
        ana.click("#menu")
        ana.click("#side .channel", "# ops")
        ana.wait(lambda: not ana.all("#side"), "the channels gone again")
        ana.click(".replies")
        assert ana.sees("xxx", "#thread")
        assert ana.browser.execute_script(width) == [360, 360]
