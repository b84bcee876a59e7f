from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from bot.adapters.slack.blocks import Look, section
from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.outbox import Outbox
from bot.adapters.slack.pending import Pace, Priority
from bot.sandbox.slack import Workspace
from bot.sandbox.slack.channels import Message

QUICK = Pace(
    post_every=0.01, update_every=0.02, note_every=0.05, first_wait=0.02, longest_wait=0.05
)


def look(text: str) -> Look:
    return Look(text, [section(text)])


@pytest.fixture
def outbox(api: SlackApi) -> Iterator[Outbox]:
    made = Outbox(api, QUICK)
    yield made
    made.close(0)


def the_only(workspace: Workspace, channel: str = "ops") -> Message:
    [message] = workspace.channel(channel).timeline()
    return message


def test_a_card_is_one_message_that_ends_in_its_newest_state(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    for n in range(50):
        outbox.paint(ops, "r1", look(f"state {n}"))
    assert outbox.close(5)
    card = the_only(workspace)
    assert card.text == "state 49"
    assert card.edits < 25


def test_a_paint_does_not_wait_for_slack(outbox: Outbox, workspace: Workspace, ops: str) -> None:
    began = time.monotonic()
    with workspace.lock:  # Slack answers nobody meanwhile
        for n in range(200):
            outbox.paint(ops, "r1", look(f"state {n}"))
            outbox.note(ops, "r1", f"note {n}")
        assert time.monotonic() - began < 1
    workspace.wait_for(
        lambda: [m.text for m in workspace.channel("ops").timeline()] == ["state 199"]
    )


def test_edits_of_a_card_keep_their_distance(api: SlackApi, workspace: Workspace, ops: str) -> None:
    outbox = Outbox(api, Pace(post_every=0, update_every=0.1))

    def painted_thrice() -> bool:
        outbox.paint(ops, "r1", look(f"{time.monotonic()}"))
        return len(workspace.calls("chat.update")) >= 3

    workspace.wait_for(painted_thrice)
    times = [call.at for call in workspace.calls("chat.update")]
    outbox.close(2)
    assert all(later - earlier > 0.09 for earlier, later in pairwise(times))


def test_notes_and_announcements_go_into_the_card_s_thread(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    outbox.paint(ops, "r1", look("card"))
    outbox.note(ops, "r1", "Restore the dump", "pg_restore: creating TABLE x")
    outbox.announce(ops, "r1", look("It failed."), Priority.FAILURE)
    assert outbox.close(5)
    card = workspace.messages("ops")[0]
    replies = workspace.channel("ops").thread(card.ts)
    assert card.text == "card"
    assert [(m.text, m.reply_broadcast) for m in replies] == [
        ("It failed.", True),
        ("Restore the dump", False),
    ]


def test_whoever_asks_is_told_where_a_card_is(
    api: SlackApi, workspace: Workspace, ops: str
) -> None:
    told: list[tuple[str, str, str]] = []
    outbox = Outbox(api, QUICK, lambda key, channel, ts: told.append((key, channel, ts)))
    outbox.paint(ops, "r1", look("one"))
    assert outbox.close(5)
    assert told == [("r1", ops, the_only(workspace).ts)]


def test_a_listener_that_fails_does_not_stop_the_messages(
    api: SlackApi, workspace: Workspace, ops: str
) -> None:
    def broken(key: str, channel: str, ts: str) -> None:
        raise RuntimeError("the log is full")

    outbox = Outbox(api, QUICK, broken)
    outbox.paint(ops, "r1", look("one"))
    outbox.announce(ops, "r1", look("done"), Priority.DECISION)
    assert outbox.close(5)
    assert len(workspace.messages("ops")) == 2


def test_a_card_from_before_a_restart_is_painted_over(
    api: SlackApi, workspace: Workspace, ops: str
) -> None:
    before = Outbox(api, QUICK)
    before.paint(ops, "r1", look("before"))
    before.close(5)
    after = Outbox(api, QUICK)
    after.adopt(ops, "r1", the_only(workspace).ts)
    after.paint(ops, "r1", look("after"))
    assert after.close(5)
    assert the_only(workspace).text == "after"


def test_a_deleted_card_is_posted_anew(
    outbox: Outbox, api: SlackApi, workspace: Workspace, ops: str
) -> None:
    outbox.paint(ops, "r1", look("one"))
    workspace.wait_for(lambda: workspace.messages("ops"))
    api.write("chat.delete", {"channel": ops, "ts": the_only(workspace).ts})
    outbox.paint(ops, "r1", look("two"))
    assert outbox.close(5)
    assert the_only(workspace).text == "two"


def test_an_announcement_outlives_its_thread(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    outbox.adopt(ops, "r1", "1.000001")
    outbox.announce(ops, "r1", look("done"), Priority.DECISION)
    assert outbox.close(5)
    assert the_only(workspace).text == "done"


def test_a_rate_limit_is_obeyed_for_its_method_and_holds_no_caller_up(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    outbox.paint(ops, "r1", look("one"))
    workspace.wait_for(lambda: workspace.messages("ops"))
    began = time.monotonic()
    workspace.faults.rate_limit("chat.update", retry_after=1)
    outbox.paint(ops, "r1", look("two"))
    workspace.wait_for(lambda: not any(f.times for f in workspace.faults.api))
    outbox.paint(ops, "r1", look("three"))
    outbox.announce(ops, "r1", look("failed"), Priority.FAILURE)
    workspace.wait_for(lambda: len(workspace.messages("ops")) == 2)
    assert workspace.messages("ops")[0].text == "one"  # the failure overtook the card
    workspace.wait_for(lambda: workspace.messages("ops")[0].text == "three")
    assert time.monotonic() - began >= 1
    assert workspace.messages("ops")[0].edits == 1


def test_an_outage_leaves_the_newest_state_and_every_announcement(
    outbox: Outbox, workspace: Workspace, ops: str, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.faults.dead = True
    outbox.announce(ops, "r1", look("decided"), Priority.DECISION)
    for n in range(20):
        outbox.paint(ops, "r1", look(f"state {n}"))
    workspace.wait_for(lambda: caplog.text.count("waits") >= 3, what="several tries")
    workspace.faults.clear()
    assert outbox.close(5)
    card, reply = workspace.messages("ops")
    assert (card.text, reply.text) == ("state 19", "decided")


@pytest.mark.parametrize("status", [500, 503])
def test_trouble_at_slack_is_got_over(
    outbox: Outbox, workspace: Workspace, ops: str, status: int
) -> None:
    workspace.faults.fail("chat.postMessage", times=3, status=status)
    outbox.paint(ops, "r1", look("one"))
    assert outbox.close(5)
    assert the_only(workspace).text == "one"


def test_a_channel_the_bot_is_missing_from_does_not_hold_up_another(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    workspace.channel("ops").members.remove(workspace.bot_user)
    outbox.paint(ops, "r1", look("one"))
    outbox.paint(workspace.channel("alerts").id, "r2", look("two"))
    workspace.wait_for(lambda: workspace.messages("alerts"))
    workspace.channel("ops").members.append(workspace.bot_user)
    assert outbox.close(5)
    assert the_only(workspace).text == "one"


def test_a_message_slack_will_never_take_is_given_up(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    outbox.paint(ops, "r1", Look("bad", [{"type": "no such block"}]))
    outbox.announce(ops, "r1", look("done"), Priority.DECISION)
    assert outbox.close(5)
    assert the_only(workspace).text == "done"


def test_closing_ends_in_time_although_slack_is_away(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    workspace.faults.dead = True
    outbox.paint(ops, "r1", look("one"))
    began = time.monotonic()
    assert not outbox.close(0.2)
    assert time.monotonic() - began < 2


def test_after_the_end_everything_is_ignored(
    outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    assert outbox.close(1)
    outbox.paint(ops, "r1", look("late"))
    outbox.note(ops, "r1", "late")
    outbox.announce(ops, "r1", look("late"), Priority.FAILURE)
    outbox.adopt(ops, "r1", "1.1")
    assert workspace.messages("ops") == []
    assert not [t for t in threading.enumerate() if t.name == f"slack-{ops}"]
