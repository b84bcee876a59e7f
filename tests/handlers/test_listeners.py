"""What comes in over the socket is acked, acted upon once, and answered."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from slack_bolt import Respond

from bot.adapters.slack.blocks_answers import said
from bot.core.audit import Draft, Phase
from bot.core.permissions import BUTTONS, COMMANDS, ButtonSpec
from bot.core.unreachable import CHECK
from bot.manifest import BOT_EVENTS
from bot.sandbox.slack import Delivery, Person, SlackServer, Workspace, payloads
from handlers.answers import DEFECT, Answers
from handlers.commands import LISTENERS
from handlers.errors import takes_answers
from tests.live_bot import LiveBot, live, live_settings, office

LABELS = {spec.action: spec.label for spec in BUTTONS}


def press(
    workspace: Workspace, who: str, action: str, value: str, label: str | None = None
) -> Delivery:
    """Press a button as on a message of the bot's in #ops, with its own label unless said."""
    user, place = workspace.user(who), workspace.channel("ops")
    around = {
        "channel": {"id": place.id, "name": place.name},
        "response_url": workspace.new_response_url(user.id, place.id),
    }
    text = {"type": "plain_text", "text": LABELS[action] if label is None else label}
    pressed = {"type": "button", "action_id": action, "block_id": "b", "value": value, "text": text}
    payload = payloads.block_actions(workspace, user, pressed, around)
    return sent(workspace, payloads.INTERACTIVE, payload)


def sent(workspace: Workspace, kind: str, payload: dict[str, object]) -> Delivery:
    delivery = workspace.deliveries.send(kind, payload)
    workspace.deliveries.wait_for_ack(delivery)
    return delivery


def event(workspace: Workspace, kind: str) -> dict[str, object]:
    inner = {"type": kind, "user": "U0ANA", "channel": "C0OPS", "text": "hello", "ts": "1.2"}
    item = {"item": {"type": "message", "channel": "C0OPS", "ts": "1.2"}, "reaction": "x"}
    return payloads.event_callback(workspace, {**inner, **item})


@pytest.mark.parametrize("name", [spec.name for spec in COMMANDS])
def test_every_command_of_the_table_is_acked_and_answered(bot: LiveBot, name: str) -> None:
    assert bot.ask("dan", name)
    assert bot.commands()[-1].arguments == name


def test_no_listener_waits_for_a_command_that_is_in_no_table() -> None:
    assert list(LISTENERS) == [spec.name for spec in COMMANDS]


def test_a_command_is_acked_before_its_work_is_done(bot: LiveBot, workspace: Workspace) -> None:
    delivery = Person(workspace, "ana").command("/tsstatus", "ops")
    assert delivery.latency is not None
    assert delivery.latency < 3
    assert delivery.ack is None


@pytest.mark.parametrize("kind", BOT_EVENTS)
def test_every_event_of_the_manifest_is_acked(
    bot: LiveBot, workspace: Workspace, kind: str
) -> None:
    assert sent(workspace, payloads.EVENT, event(workspace, kind)).acked


def test_an_event_the_manifest_does_not_name_is_not_acked(
    bot: LiveBot, workspace: Workspace
) -> None:
    delivery = workspace.deliveries.send(payloads.EVENT, event(workspace, "pin_added"))
    assert not workspace.deliveries.wait_for_ack(delivery, 0.3)


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.action)
def test_every_button_is_acked_and_answered(
    bot: LiveBot, workspace: Workspace, button: ButtonSpec
) -> None:
    before = len(Person(workspace, "dan").ephemerals("ops"))
    assert press(workspace, "dan", button.action, "0badcafe").acked
    answer = bot.next_answer("dan", before)
    known = ("There is no run “0badcafe”. None is at work", "Run “0badcafe” does not wait for")
    assert answer.startswith(("To use ", *known))
    assert bot.commands()[-1].status == "refused"


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.action)
@pytest.mark.parametrize("label", ["Show details", "", "<!channel>"])
def test_a_button_with_another_label_than_ours_does_nothing_even_for_those_who_may(
    bot: LiveBot, workspace: Workspace, button: ButtonSpec, label: str
) -> None:
    before = len(Person(workspace, "ben").ephemerals("ops"))
    press(workspace, "ben", button.action, "0badcafe", label)
    answer = bot.next_answer("ben", before)
    assert "is not one of mine" in answer
    assert "<!channel>" not in answer
    row = bot.commands()[-1]
    assert (row.status, row.detail["code"], row.actor_id) == ("refused", "wrong_label", "U0BEN")
    assert row.arguments == f"button {button.action} 0badcafe"


def test_a_button_for_a_run_that_has_ended_says_so(bot: LiveBot, workspace: Workspace) -> None:
    bot.store.log.append(Draft("restore", Phase.INTENT, run_id="0ddba110", target="prod"))
    before = len(Person(workspace, "ben").ephemerals("ops"))
    press(workspace, "ben", "cancel_run", "0ddba110")
    assert "Run 0ddba110 has ended" in bot.next_answer("ben", before)


def test_help_shows_what_each_person_may_do(bot: LiveBot, workspace: Workspace) -> None:
    for who, denied in (("ana", 0), ("dan", 5)):
        bot.ask(who, "/tshelp")
        shown = str(Person(workspace, who).ephemerals("ops")[-1].blocks)
        assert shown.count("(not you)") == denied
        assert all(spec.name in shown for spec in COMMANDS)


def test_a_command_in_another_channel_is_refused_with_the_right_one(bot: LiveBot) -> None:
    assert "<#C0OPS>" in bot.ask("ana", "/tshelp", "random")
    last = bot.commands()[-1]
    assert (last.status, last.detail["code"]) == ("refused", "wrong_channel")


def test_an_answer_is_seen_by_the_person_who_asked_alone(
    bot: LiveBot, workspace: Workspace
) -> None:
    others = len(Person(workspace, "ben").ephemerals("ops"))
    bot.ask("ana", "/audit")
    assert len(Person(workspace, "ben").ephemerals("ops")) == others
    assert workspace.messages("ops") == []


def test_a_target_that_is_down_is_answered_and_logged(bot: LiveBot) -> None:
    for line in ("/backups", "/restore a.dump", "/refresh all"):
        answer = bot.ask("ana", line)
        assert answer.startswith("That could not be done: ")
        assert "Its container cannot be looked at: the Docker engine at " in answer
        assert answer.endswith(CHECK)
        assert bot.commands()[-1].status == "failed"


def test_a_command_delivered_twice_acts_once_and_is_acked_twice(
    bot: LiveBot, workspace: Workspace
) -> None:
    done = len(bot.commands())
    workspace.faults.duplicate(payloads.SLASH)
    bot.ask("ana", "/audit since=1h")
    first, second = workspace.deliveries.records[-2:]
    assert first.payload["trigger_id"] == second.payload["trigger_id"]
    assert workspace.deliveries.wait_for_ack(second)
    bot.ask("ana", "/tshelp")
    assert [d.arguments for d in bot.commands()[done:]] == ["/audit since=1h", "/tshelp"]


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.action)
def test_a_click_delivered_twice_acts_once(
    bot: LiveBot, workspace: Workspace, button: ButtonSpec
) -> None:
    done, before = len(bot.commands()), len(Person(workspace, "ben").ephemerals("ops"))
    delivery = press(workspace, "ben", button.action, "0badcafe")
    bot.next_answer("ben", before)
    assert workspace.deliveries.wait_for_ack(workspace.deliveries.redeliver(delivery))
    bot.ask("ana", "/tshelp")
    assert len(bot.commands()) == done + 2


def test_an_event_delivered_twice_acts_once_even_minutes_later(
    bot: LiveBot, workspace: Workspace
) -> None:
    before = len(Person(workspace, "ana").ephemerals("ops"))
    delivery = sent(workspace, payloads.EVENT, event(workspace, "app_mention"))
    bot.next_answer("ana", before)
    assert workspace.deliveries.wait_for_ack(workspace.deliveries.redeliver(delivery))
    bot.ask("ana", "/tshelp")
    assert len(Person(workspace, "ana").ephemerals("ops")) == before + 2


def test_a_delivery_is_remembered_over_a_restart(tmp_path: Path) -> None:
    workspace = office()
    with SlackServer(workspace) as server:
        settings = live_settings(tmp_path, server.api_url)
        with live(settings, workspace) as bot:
            workspace.wait_for(lambda: server.sockets.connections, what="a socket")
            bot.ask("ana", "/tshelp")
        [delivery] = workspace.deliveries.records
        workspace.wait_for(lambda: not server.sockets.connections, what="the end")
        with live(settings, workspace) as bot:
            workspace.wait_for(lambda: server.sockets.connections, what="a socket")
            assert workspace.deliveries.wait_for_ack(workspace.deliveries.redeliver(delivery))
            bot.ask("ana", "/audit")
            assert [d.arguments for d in bot.commands()] == ["/tshelp", "/audit"]


def test_a_mention_that_asks_for_nothing_is_told_what_would_be_right(
    bot: LiveBot, workspace: Workspace
) -> None:
    before = len(Person(workspace, "ana").ephemerals("ops"))
    Person(workspace, "ana").mention("good morning", "ops")
    assert "cancel RUN" in bot.next_answer("ana", before)


@pytest.mark.parametrize(
    ("text", "run_id", "logged"),
    [
        ("please cancel 0badcafe", "0badcafe", "0badcafe"),
        ("cancel run `0BADCAFE`", "0badcafe", "0badcafe"),
        ("I said cancel it: cancel 0badcafe!", "0badcafe", "0badcafe"),
        ("cancel zzz", "zzz", ""),
    ],
)
@pytest.mark.parametrize("who", ["ana", "ben"])
def test_a_mention_that_would_cancel_what_is_no_run_is_told_so(
    bot: LiveBot, workspace: Workspace, who: str, text: str, run_id: str, logged: str
) -> None:
    before = len(Person(workspace, who).ephemerals("ops"))
    Person(workspace, who).mention(text, "ops")
    answer = bot.next_answer(who, before)
    assert answer == f"There is no run “{run_id}”. None is at work now."
    row = bot.commands()[-1]
    assert (row.arguments, row.run_id, row.status) == (f"cancel {run_id}", logged, "refused")


def test_a_listener_that_breaks_is_logged_and_the_person_is_answered(
    bot: LiveBot, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    ana, place = workspace.user("ana"), workspace.channel("ops")
    before = len(Person(workspace, "ana").ephemerals("ops"))
    payload = payloads.slash_command(workspace, ana, place, "/tshelp")
    del payload["user_id"]
    workspace.deliveries.send(payloads.SLASH, payload)
    assert DEFECT in bot.next_answer("ana", before)
    [record] = [r for r in caplog.records if r.message == "a listener failed"]
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_an_audit_log_that_cannot_be_written_stops_a_command_and_is_told(tmp_path: Path) -> None:
    workspace = office()
    with (
        SlackServer(workspace) as server,
        live(live_settings(tmp_path, server.api_url), workspace) as bot,
    ):
        workspace.wait_for(lambda: server.sockets.connections, what="a socket")
        bot.settings.audit_path.rename(tmp_path / "elsewhere.db")
        Person(workspace, "ana").command("/tshelp", "ops", timeout=0.3)
        assert "audit log" in bot.next_answer("ana", 0)


def test_a_defect_in_the_work_behind_a_listener_is_logged_and_answered(
    bot: LiveBot, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(Person(workspace, "ana").ephemerals("ops"))
    url = workspace.new_response_url(workspace.user("ana").id, workspace.channel("ops").id)
    with ThreadPoolExecutor(1) as executor:
        answers = Answers(executor)
        answers.later(Respond(response_url=url), lambda: said(str(1 // int("0"))))
        answers.quietly(lambda: 1 // int("0"))
    assert DEFECT in bot.next_answer("ana", before)
    logged = [r.message for r in caplog.records if r.levelno >= logging.ERROR]
    assert logged == ["a command broke off", "an event broke off"]


SLACK_API, LOCAL_API = "https://slack.com/api/", "http://127.0.0.1:5000/api/"
OURS = frozenset({"T0OURS", "E0OURS"})
"""Our workspace and its organization."""


@pytest.mark.parametrize("api_url", [SLACK_API, LOCAL_API])
@pytest.mark.parametrize("place", ["commands/T0OURS", "actions/T0OURS", "actions/E0OURS"])
def test_answers_go_to_slack_s_addresses_for_our_workspace(place: str, api_url: str) -> None:
    url = f"https://hooks.slack.com/{place}/2583280222628/NR6ppC3P-F3wJ9WBc"
    assert takes_answers(url, api_url, OURS)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/commands/T0THEIRS/1/x",
        "https://hooks.slack.com/actions/T0THEIRS/1/x",
        "https://hooks.slack.com/actions/E0THEIRS/1/x",
        "https://hooks.slack.com/services/T0OURS/1/x",
        "https://hooks.slack.com/commands/T0OURSTOO/1/x",
        "https://hooks.slack.com/commands/T0OURS/../T0THEIRS/1/x",
        "https://hooks.slack.com/commands/T0OURS/%2e%2e/T0THEIRS/1/x",
        "https://hooks.slack.com/commands/T0THEIRS/1/x?/commands/T0OURS/1/x",
        "https://hooks.slack.com/commands/T0OURS/1/x\n",
        "https://hooks.slack.com/commands/T0OURS",
        "https://hooks.slack.com/commands//1/x",
        "https://hooks.slack.com.example/commands/T0OURS/1/x",
        "https://hooks.slack.com@example/commands/T0OURS/1/x",
        "https://hooks.slack.com:8443/commands/T0OURS/1/x",
        "http://hooks.slack.com/commands/T0OURS/1/x",
        "https://slack.com/api/chat.postMessage?token=theirs&channel=C0THEIRS",
        "https://[",
        "",
    ],
)
@pytest.mark.parametrize("homes", [OURS, frozenset()])
def test_answers_go_nowhere_else(url: str, homes: frozenset[str]) -> None:
    for api_url in (SLACK_API, LOCAL_API):
        assert not takes_answers(url, api_url, homes)


def test_a_stand_in_for_slack_takes_answers_at_its_own_host_alone() -> None:
    assert takes_answers("http://127.0.0.1:5000/response/x", LOCAL_API, OURS)
    assert not takes_answers("http://127.0.0.1:5001/response/x", LOCAL_API, OURS)
    assert not takes_answers("http://127.0.0.1:5000/response/x", SLACK_API, OURS)


def test_an_answer_that_cannot_be_given_is_logged_and_holds_nobody_up(
    bot: LiveBot, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as executor:
        nobody = Respond(response_url="http://127.0.0.1:9/response/x")
        Answers(executor).later(nobody, lambda: said("hello"))
    assert [r.message for r in caplog.records if r.name == "handlers.answers"] == [
        "could not answer; what was asked for is in the audit log"
    ]


def test_an_approver_who_left_the_group_a_moment_ago_may_not_arm_retention(
    bot: LiveBot, workspace: Workspace
) -> None:
    group = workspace.usergroup("dba")
    before = len(Person(workspace, "cho").ephemerals("ops"))
    press(workspace, "cho", "arm_retention", "0badcafe")
    assert "left no retention job waiting" in bot.next_answer("cho", before)
    members = list(group.users)
    group.users.remove(workspace.user("cho").id)
    try:
        press(workspace, "cho", "arm_retention", "0badcafe")
        assert "you must be on the approvers' list" in bot.next_answer("cho", before + 1)
    finally:
        group.users[:] = members
    assert bot.commands()[-1].status == "refused"
