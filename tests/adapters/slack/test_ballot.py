from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bot.adapters.slack.ballot import SlackBallot
from bot.adapters.slack.blocks_gate import gate
from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.outbox import Outbox
from bot.core.errors import ChatUnavailable
from bot.core.ports.chat import BallotRef, Reaction
from bot.sandbox.slack import Person, SlackServer, Workspace
from tests.core.run_samples import a_backup, a_notice, a_plan

NOTICE = a_notice()


@pytest.fixture
def outbox(api: SlackApi) -> Iterator[Outbox]:
    made = Outbox(api)
    yield made
    made.close(0)


@pytest.fixture
def ballot(patient: SlackApi, ops: str, outbox: Outbox) -> SlackBallot:
    return SlackBallot(patient, ops, outbox.repaint)


@pytest.fixture
def ref(ballot: SlackBallot) -> BallotRef:
    return ballot.open(NOTICE)


def react(workspace: Workspace, name: str, emoji: str, ref: BallotRef) -> None:
    Person(workspace, name).react(emoji, ref.channel, ref.ts)


def test_an_open_gate_stands_in_the_channel_with_both_marks(
    workspace: Workspace, ref: BallotRef
) -> None:
    message = workspace.message(ref.channel, ref.ts)
    assert message.reactions == {"white_check_mark": ["U0TSBOT"], "x": ["U0TSBOT"]}
    assert message.text.startswith("Ana wants to restore demo")
    assert message.thread_ts is None


def test_a_fresh_gate_is_as_posted_and_the_bot_s_own_marks_are_no_votes(
    ballot: SlackBallot, ref: BallotRef
) -> None:
    reading = ballot.read(ref, NOTICE)
    assert reading.untampered
    assert reading.reactions == ()


def test_marks_come_with_who_made_them_and_without_skin_tone(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    react(workspace, "ben", "white_check_mark::skin-tone-3", ref)
    react(workspace, "ben", "white_check_mark", ref)
    react(workspace, "cho", "x", ref)
    reading = ballot.read(ref, NOTICE)
    assert sorted(reading.reactions, key=str) == [
        Reaction("white_check_mark", "U0BEN"),
        Reaction("x", "U0CHO"),
    ]
    assert reading.untampered


def test_all_marks_are_read_also_where_slack_would_cut_the_list(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    for name in ("ana", "ben", "cho", "dan"):
        react(workspace, name, "white_check_mark", ref)
    assert len(ballot.read(ref, NOTICE).reactions) == 4


def test_a_mark_taken_back_is_gone(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    react(workspace, "ben", "white_check_mark", ref)
    Person(workspace, "ben").unreact("white_check_mark", ref.channel, ref.ts)
    assert ballot.read(ref, NOTICE).reactions == ()


def test_an_answer_is_said_in_the_thread_and_changes_nothing_above(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    ballot.answer(ref, "<@U0BEN> approved: 1 of 2. <!channel>")
    [reply] = workspace.channel("ops").thread(ref.ts)
    assert reply.text == "<@U0BEN> approved: 1 of 2. &lt;!channel&gt;"
    assert ballot.read(ref, NOTICE).untampered


def test_changed_text_is_noticed(ballot: SlackBallot, workspace: Workspace, ref: BallotRef) -> None:
    workspace.tamper(ref.channel, ref.ts, text="Approve lunch?")
    assert not ballot.read(ref, NOTICE).untampered


def test_changed_blocks_are_noticed(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    other = gate(a_notice(a_plan(backup=a_backup("older.dump"))))
    workspace.tamper(ref.channel, ref.ts, blocks=other.blocks)
    assert not ballot.read(ref, NOTICE).untampered


def test_a_deleted_gate_is_noticed(ballot: SlackBallot, api: SlackApi, ref: BallotRef) -> None:
    api.write("chat.delete", {"channel": ref.channel, "ts": ref.ts})
    assert not ballot.read(ref, NOTICE).untampered


def test_a_message_of_another_app_is_no_gate(
    ballot: SlackBallot, workspace: Workspace, server: SlackServer, ops: str, outbox: Outbox
) -> None:
    workspace.add_user("rival", is_bot=True)
    workspace.channel("ops").members.append("U0RIVAL")
    scopes = {"chat:write", "reactions:write"}
    workspace.add_token("xoxb-rival", scopes, user="rival")
    forged = SlackBallot(SlackApi("xoxb-rival", server.api_url), ops, outbox.repaint)
    assert not ballot.read(forged.open(NOTICE), NOTICE).untampered


def test_a_gate_of_another_plan_is_not_this_one(ballot: SlackBallot, ref: BallotRef) -> None:
    other = a_notice(a_plan(backup=a_backup("newer.dump")))
    assert not ballot.read(ref, other).untampered


def test_names_that_slack_spells_its_own_way_do_not_void_a_gate(ballot: SlackBallot) -> None:
    plan = a_plan(
        backup=a_backup("a&b ✅ <x> http://evil.example/x.dump"),
        reason="see https://wiki.example/a?b=1&c=2 👍 :x: `now`",
        warnings=("3 > 2 & <!channel>",),
    )
    notice = a_notice(plan)
    assert ballot.read(ballot.open(notice), notice).untampered


def test_a_closed_gate_says_how_it_ended_and_keeps_its_marks(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    react(workspace, "ben", "x", ref)
    ballot.close(ref, NOTICE, "vetoed: stopped by Ben")
    message = workspace.message(ref.channel, ref.ts)
    workspace.wait_for(lambda: message.edits)
    assert message.text == "Closed: vetoed: stopped by Ben"
    assert message.reactions["x"] == ["U0TSBOT", "U0BEN"]
    assert not ballot.read(ref, NOTICE).untampered


def test_closing_waits_for_nobody_and_is_painted_once_slack_takes_it(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    workspace.faults.rate_limit("chat.update", times=1, retry_after=1)
    began = time.monotonic()
    ballot.close(ref, NOTICE, "approved: by Ben")
    assert time.monotonic() - began < 0.5
    message = workspace.message(ref.channel, ref.ts)
    workspace.wait_for(lambda: message.text == "Closed: approved: by Ben")


def test_a_closed_gate_whose_message_is_gone_is_not_posted_anew(
    ballot: SlackBallot, workspace: Workspace, api: SlackApi, outbox: Outbox, ref: BallotRef
) -> None:
    api.write("chat.delete", {"channel": ref.channel, "ts": ref.ts})
    ballot.close(ref, NOTICE, "voided: gone")
    assert outbox.close(5)
    assert workspace.messages("ops") == []


def test_a_gate_that_cannot_be_posted_says_so(ballot: SlackBallot, workspace: Workspace) -> None:
    workspace.faults.fail("chat.postMessage")
    with pytest.raises(ChatUnavailable):
        ballot.open(NOTICE)


def test_a_mark_that_cannot_be_seeded_does_not_post_the_gate_twice(
    ballot: SlackBallot, workspace: Workspace
) -> None:
    workspace.faults.fail("reactions.add", times=2)
    ref = ballot.open(NOTICE)
    assert len(workspace.messages("ops")) == 1
    react(workspace, "ben", "white_check_mark", ref)
    reading = ballot.read(ref, NOTICE)
    assert reading.untampered
    assert reading.reactions == (Reaction("white_check_mark", "U0BEN"),)


@pytest.mark.parametrize("method", ["reactions.get", "conversations.history", "auth.test"])
def test_a_gate_that_cannot_be_read_in_full_is_not_read_at_all(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef, method: str
) -> None:
    for fault in (workspace.faults.fail, workspace.faults.drop):
        fault(method)
        with pytest.raises(ChatUnavailable):
            ballot.read(ref, NOTICE)


def test_a_rate_limit_is_waited_out_at_the_gate(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    workspace.faults.rate_limit("reactions.get", retry_after=0)
    assert ballot.read(ref, NOTICE).untampered


def test_losing_the_channel_is_told_as_unavailable(
    ballot: SlackBallot, workspace: Workspace, ref: BallotRef
) -> None:
    workspace.channel("ops").members.remove(workspace.bot_user)
    for call in (
        lambda: ballot.read(ref, NOTICE),
        lambda: ballot.answer(ref, "hello"),
    ):
        with pytest.raises(ChatUnavailable):
            call()
