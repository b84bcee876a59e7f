from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.outbox import Outbox
from bot.adapters.slack.pending import Pace
from bot.adapters.slack.presenter import SlackPresenter
from bot.core import events as ev
from bot.core.models import Check, Verdict
from bot.core.plan import StepName
from bot.sandbox.slack import Workspace
from tests.adapters.slack.rendering import seen
from tests.core.run_samples import BEN, RUN, a_notice, after, finished, planned, requested

QUICK = Pace(post_every=0, update_every=0.02, note_every=0.02, first_wait=0.02, longest_wait=0.1)
NOTICE = a_notice()


@pytest.fixture
def outbox(api: SlackApi) -> Iterator[Outbox]:
    made = Outbox(api, QUICK)
    yield made
    made.close(0)


@pytest.fixture
def presenter(outbox: Outbox, workspace: Workspace) -> SlackPresenter:
    return SlackPresenter(outbox, workspace.channel("alerts").id)


def opened() -> ev.GateOpened:
    return ev.GateOpened(run_id=RUN, at=after(6), notice=NOTICE, channel="C0OPS", ts="17.5")


def closed(outcome: str = "approved") -> ev.GateClosed:
    sentence = "approved by Ben"
    return ev.GateClosed(
        run_id=RUN,
        at=after(20),
        outcome=outcome,
        sentence=sentence,
        digest=NOTICE.digest,
        approvers=(BEN,),
    )


def failed(step: StepName) -> ev.StepFailed:
    return ev.StepFailed(
        run_id=RUN, at=after(40), step=step, sentence="disk full", seconds=9, tail="No space left"
    )


def replies(workspace: Workspace) -> list[tuple[str, bool]]:
    first = workspace.messages("ops")[0]
    return [(m.text, m.reply_broadcast) for m in workspace.channel("ops").thread(first.ts)]


def test_a_run_is_one_card_with_decision_and_result_in_the_channel(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    for event in (requested(), planned(), opened(), closed(), finished()):
        presenter.show(event)
    assert outbox.close(5)
    card = workspace.messages("ops")[0]
    assert card.text == "Restore of demo: succeeded. All is well."
    assert replies(workspace) == [
        ("<@U0ANA> Restore of demo: approved by Ben", True),
        ("<@U0ANA> Restore of demo: succeeded. All is well.", True),
    ]


def test_a_failure_reaches_the_channel_before_the_result_and_its_output_the_thread(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    end = finished("failed", "Undone.")
    undone = ev.StepUndone(
        run_id=RUN, at=after(50), step=StepName.CREATE_DATABASE, summary="dropped", ok=True
    )
    for event in (requested(), planned(), failed(StepName.PG_RESTORE), undone, end):
        presenter.show(event)
    assert outbox.close(5)
    texts = [text for text, wide in replies(workspace) if wide]
    assert texts[0].startswith("<@U0ANA> Restore of demo failed at step 6, Restore the dump:")
    assert texts[1].startswith("<@U0ANA> Restore of demo: failed. Undone.")
    quiet = [m for m in workspace.messages("ops") if m.thread_ts and not m.reply_broadcast]
    shown = seen([m.blocks for m in quiet])
    assert "No space left" in shown
    assert "Create database taken back: dropped" in shown


def test_a_failed_preflight_is_told_once(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    wrong = Check("disk", Verdict.FAILED, "3 GiB missing", "make room")
    checks = ev.ChecksMade(run_id=RUN, at=after(3), step=StepName.PREFLIGHT, checks=(wrong,))
    for event in (requested(), checks, failed(StepName.PREFLIGHT), finished("refused", "No.")):
        presenter.show(event)
    assert outbox.close(5)
    assert [text for text, wide in replies(workspace) if wide] == [
        "<@U0ANA> Restore of demo: refused. No."
    ]


def test_the_end_of_an_older_gate_is_not_told_as_this_one_s(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    for event in (requested(), planned(), opened(), replace(closed(), digest="of an older plan")):
        presenter.show(event)
    assert outbox.close(5)
    assert len(workspace.messages("ops")) == 1


def test_output_is_gathered_in_the_thread(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    presenter.show(requested())
    for n in range(40):
        lines = (f"creating TABLE t{n}",)
        presenter.show(
            ev.OutputArrived(run_id=RUN, at=after(n), step=StepName.PG_RESTORE, lines=lines)
        )
    assert outbox.close(5)
    messages = workspace.messages("ops")[1:]
    assert len(messages) < 20
    assert "creating TABLE t39" in seen([m.blocks for m in messages])


def test_a_run_from_the_command_line_is_shown_in_the_default_channel(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    presenter.show(requested("cli"))
    presenter.show(planned())
    assert outbox.close(5)
    assert len(workspace.messages("alerts")) == 1
    assert workspace.messages("ops") == []


def test_a_delay_at_the_gate_shows_on_the_card(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    delayed = ev.GateDelayed(run_id=RUN, at=after(7), reason="Slack did not answer")
    for event in (requested(), planned(), opened(), delayed):
        presenter.show(event)
    assert outbox.close(5)
    assert "the gate stays shut: Slack did not answer" in seen(workspace.messages("ops")[0].blocks)


def test_after_a_restart_the_card_is_found_and_painted_from_the_log(
    presenter: SlackPresenter, outbox: Outbox, api: SlackApi, workspace: Workspace, ops: str
) -> None:
    for event in (requested(), planned()):
        presenter.show(event)
    assert outbox.close(5)
    ts = workspace.messages("ops")[0].ts
    later = Outbox(api, QUICK)
    again = SlackPresenter(later, workspace.channel("alerts").id)
    again.adopt(RUN, ops, ts, [requested(), planned(), opened()])
    again.show(finished())
    assert later.close(5)
    card = workspace.messages("ops")[0]
    assert (card.ts, card.text) == (ts, "Restore of demo: succeeded. All is well.")
    assert workspace.messages("alerts") == []


def test_a_run_whose_card_was_never_posted_gets_one(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    presenter.adopt(RUN, ops, "", [requested(), planned()])
    presenter.adopt("r0", ops, "", [])
    assert outbox.close(5)
    assert [m.text for m in workspace.messages("ops")] == ["Restore of demo is under way"]


def test_a_restart_during_a_run_does_not_repeat_its_announcements(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace, ops: str
) -> None:
    presenter.adopt(RUN, ops, "", [requested(), planned(), opened(), closed()])
    assert outbox.close(5)
    assert len(workspace.messages("ops")) == 1


def test_two_runs_have_two_cards(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    presenter.show(requested())
    presenter.show(requested(run_id="r2"))
    presenter.show(planned())
    assert outbox.close(5)
    assert len(workspace.messages("ops")) == 2


LATE = (
    ev.RetentionArmed(run_id=RUN, at=after(1), person=BEN, jobs=(1001,)),
    ev.ArmingEnded(run_id=RUN, at=after(2), jobs=(1001,)),
    ev.CancelAsked(run_id=RUN, at=after(3), person=BEN, effect=""),
)


def test_what_comes_in_late_of_a_run_nobody_knows_any_more_paints_no_card(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    for event in LATE:
        presenter.show(event)
    assert outbox.close(5)
    assert workspace.messages("alerts") == workspace.messages("ops") == []


def test_what_is_said_once_of_a_run_nobody_knows_is_said_in_the_default_channel(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    undone = ev.StepUndone(
        run_id=RUN, at=after(50), step=StepName.CREATE_DATABASE, summary="dropped", ok=True
    )
    away = ev.HeadNotWitnessed(run_id=RUN, at=after(60), entry=17, sentence="timed out")
    for event in (*LATE, failed(StepName.PG_RESTORE), undone, away, head("failed", 41)):
        presenter.show(event)
    presenter.show(finished("failed", "Undone."))
    assert outbox.close(5)
    texts = [message.text for message in workspace.messages("alerts")]
    assert not [text for text in texts if "under way" in text]
    assert "Run of a target failed at step 6, Restore the dump: disk full" in texts
    assert "<@U0ANA> Run of a target: failed. Undone." in texts
    shown = seen([m.blocks for m in workspace.messages("alerts")])
    assert "Create database taken back: dropped" in shown
    assert "has not taken entry 17" in shown
    assert f"Head of the audit log: entry 41 `{41:064x}`" in shown
    assert "Cancel" not in shown


def test_a_run_at_work_keeps_its_card_however_many_others_come_and_go(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    presenter.show(requested())
    for n in range(60):
        presenter.show(requested(run_id=f"other{n}"))
        presenter.show(replace(finished(), run_id=f"other{n}"))
    presenter.show(finished())
    presenter.show(replace(LATE[0], run_id="other0"))
    assert outbox.close(10)
    cards = [m for m in workspace.messages("ops") if not m.thread_ts]
    assert cards[0].text == "Restore of demo: succeeded. All is well."
    assert len(cards) == 61
    assert workspace.messages("alerts") == []


def test_showing_never_raises(presenter: SlackPresenter, caplog: pytest.LogCaptureFixture) -> None:
    broken = ev.StepStarted(run_id=RUN, at=after(1), step="no step", intent="")  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        presenter.show(broken)
    assert "could not show StepStarted of run r7f3a2" in caplog.text


def head(status: str, entry: int) -> ev.HeadPosted:
    return ev.HeadPosted(
        run_id=RUN, at=after(entry), entry=entry, hash=f"{entry:064x}", status=status
    )


def test_the_log_s_head_is_posted_with_the_approval_and_with_the_result(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    asked, approved, ended = requested(workspace.channel("ops").id), closed(), finished()
    for event in (asked, opened(), head("approved", 17), approved, head("succeeded", 41), ended):
        presenter.show(event)
    assert outbox.close(5)
    _, decision, result = workspace.messages("ops")
    assert f"Head of the audit log: entry 17 `{17:064x}`" in seen(decision.blocks)
    assert f"Head of the audit log: entry 41 `{41:064x}`" in seen(result.blocks)


def test_a_result_that_is_not_in_the_log_says_that_it_has_no_head(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    asked = requested(workspace.channel("ops").id)
    for event in (asked, opened(), head("approved", 17), closed(), finished()):
        presenter.show(event)
    assert outbox.close(5)
    result = seen(workspace.messages("ops")[-1].blocks)
    assert "The audit log could not be written just now" in result
    assert "entry 17" not in result


def test_the_channel_hears_that_the_second_witness_is_away(
    presenter: SlackPresenter, outbox: Outbox, workspace: Workspace
) -> None:
    presenter.show(requested(workspace.channel("ops").id))
    presenter.show(
        ev.HeadNotWitnessed(run_id=RUN, at=after(9), entry=17, sentence="<!channel>: timed out")
    )
    assert outbox.close(5)
    told = workspace.messages("ops")[-1]
    assert "has not taken entry 17 of the audit log yet: &lt;!channel&gt;: timed out" in told.text
    assert told.reply_broadcast
