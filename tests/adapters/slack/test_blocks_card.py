from __future__ import annotations

from dataclasses import replace

from bot.adapters.slack.blocks_card import card, summary
from bot.core import events as ev
from bot.core.plan import StepName
from bot.core.run_view import RunView, fold
from tests.adapters.slack.rendering import page, seen
from tests.core.run_samples import (
    BEN,
    RUN,
    a_notice,
    a_plan,
    after,
    finished,
    planned,
    requested,
)

NOTICE = a_notice()


def link(channel: str, ts: str) -> str:
    return f"https://team.slack.com/archives/{channel}/{ts}"


def folded(*events: ev.Event) -> RunView:
    view: RunView | None = None
    for event in (requested(), planned(), *events):
        view = fold(view, event)
    assert view is not None
    return view


def opened() -> ev.GateOpened:
    return ev.GateOpened(run_id=RUN, at=after(6), notice=NOTICE, channel="C0OPS", ts="17.5")


def restoring(done: float = 0.437) -> tuple[ev.Event, ...]:
    step = StepName.PG_RESTORE
    return (
        ev.StepStarted(run_id=RUN, at=after(30), step=step, intent=""),
        ev.StepProgressed(
            run_id=RUN, at=after(90), step=step, done=done, note="table data public.m"
        ),
    )


def test_the_card_lists_every_step_with_the_guide_s_number() -> None:
    shown = page(card(folded(), link))
    for title in (
        "Preflight",
        "1. Stop applications (destructive)",
        "6. Restore the dump",
        "2. Terminate connections, cut over (destructive)",
        "12. Start applications",
        "Checklist",
    ):
        assert f":white_circle: {title}" in shown


def test_the_card_shows_bar_share_time_left_and_what_is_worked_on() -> None:
    shown = page(card(folded(*restoring()), link))
    assert "████████░░░░░░░░░░░░ 43 % · about 1 min left\ntable data public.m" in shown
    assert ":hourglass_flowing_sand: 6. Restore the dump" in shown


def test_a_step_without_a_share_has_no_bar() -> None:
    started = ev.StepStarted(run_id=RUN, at=after(9), step=StepName.ANALYZE, intent="")
    assert "░" not in page(card(folded(started), link))


def test_a_finished_step_shows_its_time_and_what_it_did() -> None:
    done = ev.StepFinished(
        run_id=RUN, at=after(9), step=StepName.CREATE_DATABASE, summary="tsdb_restore", seconds=2
    )
    assert ":white_check_mark: 3. Create database · 2.0 s · tsdb_restore" in page(
        card(folded(done), link)
    )


def test_an_open_gate_is_linked_with_what_is_missing_and_until_when() -> None:
    look = card(folded(opened()), link)
    assert "Waiting: 0 of 2 approvals, until 2026-03-01 09:00 UTC · vote here" in page(look)
    gate = next(b for b in look.blocks if "vote here" in seen(b))
    urls = [e["url"] for e in gate["elements"][0]["elements"] if e["type"] == "link"]
    assert urls == ["https://team.slack.com/archives/C0OPS/17.5"]


def test_without_an_address_the_gate_is_shown_without_a_link() -> None:
    shown = page(card(folded(opened()), lambda _channel, _ts: ""))
    assert "Waiting: 0 of 2 approvals" in shown
    assert "vote here" not in shown


def test_the_grace_says_when_it_starts_and_how_to_stop_it() -> None:
    quorum = ev.QuorumReached(
        run_id=RUN, at=after(8), approvers=(BEN,), starts_at=after(60), digest=NOTICE.digest
    )
    shown = page(card(folded(opened(), quorum), link))
    assert "Approved; starts 2026-03-01 08:31 UTC, a cross still stops it" in shown
    assert "by <@U0BEN>" in shown


def test_a_gate_that_cannot_be_asked_says_why() -> None:
    delayed = ev.GateDelayed(run_id=RUN, at=after(7), reason="Slack did not answer reactions.get")
    shown = page(card(folded(opened(), delayed), link))
    assert "the gate stays shut: Slack did not answer reactions.get" in shown


def test_the_end_replaces_gate_and_delay_by_the_outcome() -> None:
    delayed = ev.GateDelayed(run_id=RUN, at=after(7), reason="Slack did not answer")
    shown = page(card(folded(opened(), delayed, finished()), link))
    assert ":white_check_mark: Succeeded after 3 min 20 s\nAll is well." in shown
    assert "vote here" not in shown
    assert "stays shut" not in shown


def test_the_summary_follows_the_run() -> None:
    assert summary(folded()) == "Restore of demo is under way"
    assert summary(folded(opened())) == "Restore of demo waits for 2 approvals"
    assert summary(folded(opened(), *restoring())) == (
        "Restore of demo: Restore the dump 43 %, about 1 min left"
    )
    assert summary(folded(finished())) == "Restore of demo: succeeded. All is well."


def test_a_failure_is_seen_on_its_step_and_as_outcome() -> None:
    failed = ev.StepFailed(
        run_id=RUN, at=after(95), step=StepName.PG_RESTORE, sentence="disk full", seconds=65
    )
    shown = page(card(folded(*restoring(), failed, finished("failed", "Undone.")), link))
    assert ":x: 6. Restore the dump · 1 min 05 s · disk full" in shown
    assert ":x: Failed after 3 min 20 s\nUndone." in shown


def test_names_from_outside_stay_names_on_the_card() -> None:
    view = replace(folded(), target="<!channel>*x*", backup="`a`<@U0BEN>.dump")
    look = card(view, link)
    assert "<!channel>" not in look.text
    mrkdwn = [b for b in look.blocks if b["type"] in ("section", "context")]
    assert "<!channel>" not in seen(mrkdwn)
    assert "`a`<@U0BEN>.dump" in page(look)  # letter by letter, in rich text


def test_a_card_of_the_worst_length_still_keeps_slack_s_limits() -> None:
    view = folded()
    for step in view.steps:
        done = ev.StepFinished(
            run_id=RUN, at=after(9), step=step.spec.name, summary="s" * 5000, seconds=2
        )
        view = fold(view, done)
    view = replace(view, target="t" * 900, backup="b" * 900)
    page(card(fold(view, finished("failed", "f" * 9000)), link))


def question(view: RunView) -> tuple[str, str]:
    """The Cancel button's question, and its label."""
    [row] = [b for b in card(view, link).blocks if b["type"] == "actions"]
    [button] = row["elements"]
    return button["confirm"]["text"]["text"], button["text"]["text"]


def test_what_cancelling_would_do_now_stands_below_the_button_and_in_its_question() -> None:
    for view, told in (
        (folded(opened()), "the request is withdrawn at once; nothing was changed."),
        (folded(*restoring()), "at once, pg_restore is ended in the container and in the server"),
    ):
        assert f"Cancelling now: {told}" in page(card(view, link))
        assert question(view)[0].startswith(f"Now: {told}")
        assert question(view)[1] == "Cancel"


def test_from_the_cut_over_on_the_card_has_no_cancel_button_and_says_why() -> None:
    started = ev.StepStarted(run_id=RUN, at=after(9), step=StepName.CUT_OVER, intent="")
    look = card(folded(started), link)
    assert "It cannot be cancelled any more: “Terminate connections, cut over” has" in page(look)
    assert [b for b in look.blocks if b["type"] == "actions"] == []


def test_a_card_that_was_cancelled_says_by_whom_and_has_no_button_any_more() -> None:
    asked = ev.CancelAsked(run_id=RUN, at=after(95), person=BEN, effect="")
    look = card(folded(*restoring(), asked), link)
    assert "Cancelled by <@U0BEN>; it stops at its next safe point." in page(look)
    assert [b for b in look.blocks if b["type"] == "actions"] == []


def test_the_longest_names_fit_into_the_question() -> None:
    plan = a_plan()
    many = tuple(replace(plan.applications[0], name="<!channel>" + "a" * 118) for _ in range(9))
    plan = replace(plan, applications=many, target=replace(plan.target, database="ü" * 31))
    stopped = ev.StepStarted(run_id=RUN, at=after(9), step=StepName.STOP_APPLICATIONS, intent="")
    view = fold(fold(folded(), planned(plan)), stopped)
    page(card(view, link))
    assert len(question(view)[0]) == 300
