"""View state, markup, signatures: the sandbox's own rules, without a server."""

from __future__ import annotations

import time
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.sandbox.slack import ActionRefused, Person, Workspace
from bot.sandbox.slack.api.views import open_view
from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.markup import stored_blocks, stored_text
from bot.sandbox.slack.posting import post_as_app, whisper
from bot.sandbox.slack.views import View
from bot.sandbox.slack.webhook import signature

Json = dict[str, Any]
OPTIONS = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("a", "b")]


def field(kind: str, **fields: Any) -> Json:
    label = {"type": "plain_text", "text": "Field"}
    element = {"type": kind, "action_id": "it", **fields}
    return {"type": "input", "block_id": "field", "label": label, "element": element}


def view_of(*blocks: Json) -> View:
    return View("V1", "U0ANA", {"type": "modal", "blocks": list(blocks)}, "hash")


def entry(view: View) -> Any:
    return view.state()["field"]["it"]


class App:
    """A transport that acks everything with one payload."""

    def __init__(self, workspace: Workspace, ack: Json | None = None) -> None:
        self.workspace, self.ack = workspace, ack
        self.taken: list[Delivery] = []
        workspace.deliveries.transport = self

    def carry(self, delivery: Delivery) -> bool:
        self.taken.append(delivery)
        self.workspace.deliveries.acknowledge(delivery.envelope_id, self.ack, "test")
        return True


@pytest.mark.parametrize(
    ("block", "given", "key", "value"),
    [
        (field("plain_text_input"), "text", "value", "text"),
        (field("static_select", options=OPTIONS), "b", "selected_option", OPTIONS[1]),
        (field("radio_buttons", options=OPTIONS), "a", "selected_option", OPTIONS[0]),
        (field("checkboxes", options=OPTIONS), ["a", "b"], "selected_options", OPTIONS),
        (field("users_select"), "U0BEN", "selected_user", "U0BEN"),
        (field("datepicker"), "2026-01-31", "selected_date", "2026-01-31"),
    ],
)
def test_what_a_person_enters_stands_in_the_state(
    block: Json, given: Any, key: str, value: Any
) -> None:
    view = view_of(block)
    assert view.missing() == ["field"]
    view.fill({"field": {"it": given}})
    assert entry(view) == {"type": block["element"]["type"], key: value}
    assert view.missing() == []


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        (field("plain_text_input", initial_value="x"), "value", "x"),
        (
            field("static_select", options=OPTIONS, initial_option=OPTIONS[0]),
            "selected_option",
            OPTIONS[0],
        ),
        (
            field("checkboxes", options=OPTIONS, initial_options=OPTIONS),
            "selected_options",
            OPTIONS,
        ),
        (field("users_select", initial_user="U0BEN"), "selected_user", "U0BEN"),
    ],
)
def test_an_input_nobody_touched_holds_its_initial_value(block: Json, key: str, value: Any) -> None:
    assert entry(view_of(block))[key] == value


def test_an_option_that_is_not_offered_cannot_be_chosen() -> None:
    view = view_of(field("static_select", options=OPTIONS))
    view.fill({"field": {"it": "z"}})
    with pytest.raises(LookupError, match="no option 'z' in it; there are: a, b"):
        view.state()


def test_an_optional_input_may_stay_empty() -> None:
    assert view_of({**field("plain_text_input"), "optional": True}).missing() == []


def modal(title: str, **more: Any) -> Json:
    shown = {"type": "plain_text", "text": title}
    return {"type": "modal", "title": shown, "blocks": [{"type": "divider"}], **more}


def test_a_pushed_modal_lies_on_top_and_clear_closes_all(workspace: Workspace, ana: Person) -> None:
    open_view(workspace, ana.id, modal("first"))
    app = App(workspace, {"response_action": "push", "view": modal("second")})
    ana.submit()
    assert ana.modal is not None
    assert ana.modal.shown["title"]["text"] == "second"
    app.ack = {"response_action": "clear"}
    assert ana.submit().response_action == "clear"
    assert ana.modal is None


def test_submitting_without_an_answer_times_out_and_leaves_the_modal(
    workspace: Workspace, ana: Person
) -> None:
    open_view(workspace, ana.id, modal("first"))
    assert ana.submit(timeout=0.01).response_action == "timeout"
    assert ana.modal is not None


@pytest.mark.parametrize("asked", [True, False])
def test_closing_a_modal_is_told_only_to_an_app_that_asked(
    workspace: Workspace, ana: Person, asked: bool
) -> None:
    app = App(workspace)
    open_view(workspace, ana.id, modal("first", notify_on_close=asked))
    ana.close_modal()
    kinds = [delivery.payload["type"] for delivery in app.taken]
    assert kinds == (["view_closed"] if asked else [])
    with pytest.raises(ActionRefused, match="no modal open"):
        ana.close_modal()


def test_a_select_and_a_button_in_an_ephemeral_message_can_be_used(
    workspace: Workspace, ana: Person
) -> None:
    app = App(workspace)
    select = {"type": "static_select", "action_id": "pick", "options": OPTIONS}
    shown = whisper(
        workspace,
        workspace.channel("ops"),
        ana.id,
        "choose",
        [{"type": "actions", "elements": [select]}],
    )
    ana.click("pick", "ops", shown.ts, value="b")
    payload = app.taken[0].payload
    assert payload["container"]["is_ephemeral"] is True
    assert payload["actions"][0]["selected_option"]["value"] == "b"
    with pytest.raises(ActionRefused, match="no option 'z'"):
        ana.click("pick", "ops", shown.ts, value="z")
    with pytest.raises(LookupError, match="no message"):
        Person(workspace, "ben").click("pick", "ops", shown.ts, value="a")


def test_buttons_with_one_action_id_are_told_apart_by_value(
    workspace: Workspace, ana: Person
) -> None:
    app = App(workspace)
    text = {"type": "plain_text", "text": "Go"}
    buttons = [
        {"type": "button", "action_id": "go", "value": v, "text": text} for v in ("one", "two")
    ]
    token = workspace.tokens["xoxb-sandbox"]
    blocks = [{"type": "actions", "elements": buttons}]
    message = post_as_app(workspace, token, workspace.channel("ops"), "card", blocks)
    ana.click("go", "ops", message.ts, value="two")
    assert app.taken[0].payload["actions"][0]["value"] == "two"
    with pytest.raises(ActionRefused, match="no 'go' to press"):
        ana.click("go", "ops", message.ts, value="three")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("a & b", "a &amp; b"),
        ("a &amp; b &lt;c&gt;", "a &amp; b &lt;c&gt;"),
        ("1 < 2 > 0", "1 &lt; 2 &gt; 0"),
        ("<@U1> <!channel> <!date^1^{date}|x> <#C1>", "<@U1> <!channel> <!date^1^{date}|x> <#C1>"),
        ("<https://x.test|x>", "<https://x.test|x>"),
        ("see https://x.test/a.", "see <https://x.test/a>."),
        ("<script>", "&lt;script&gt;"),
        ("✅ ⚠️ ❌", ":white_check_mark: :warning: :x:"),
        ("복원 완료", "복원 완료"),
    ],
)
def test_text_is_stored_the_way_slack_stores_it(sent: str, stored: str) -> None:
    assert stored_text(sent) == stored
    assert stored_text(stored) == stored


def test_stored_blocks_have_ids_and_keep_those_given() -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}}
    given, made = stored_blocks(
        [
            {"type": "divider", "block_id": "mine"},
            {"type": "actions", "elements": [button]},
        ]
    )
    assert given["block_id"] == "mine"
    assert made["block_id"]
    assert made["elements"][0]["action_id"]
    assert made["elements"][0]["text"]["emoji"] is True


def test_the_signature_passes_the_sdk_s_verifier_and_no_other_secret_does() -> None:
    now = str(int(time.time()))
    signed = signature("secret", now, "a=1")
    assert SignatureVerifier("secret").is_valid(body="a=1", timestamp=now, signature=signed)
    assert not SignatureVerifier("other").is_valid(body="a=1", timestamp=now, signature=signed)


def test_message_timestamps_rise_even_when_the_clock_stands_still() -> None:
    workspace = Workspace(now=lambda: 1_700_000_000.5)
    stamps = [workspace.new_ts() for _ in range(3)]
    assert stamps == ["1700000000.500000", "1700000000.500001", "1700000000.500002"]


def test_a_forged_field_reaches_the_app_as_forged(workspace: Workspace, ana: Person) -> None:
    app = App(workspace)
    ana.command("/restore", "ops", team_id="T0ELSE")
    assert app.taken[0].payload["team_id"] == "T0ELSE"
