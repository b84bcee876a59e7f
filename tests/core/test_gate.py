"""A run passes the gate with the quorum and nobody's objection, read back from the workspace."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core import events as ev
from bot.core.approvals import ApprovalRules
from bot.core.door import Door
from bot.core.errors import AuditUnavailable
from bot.core.models import Person
from tests.adapters.audit import intruder
from tests.core.booth import (
    ALONE,
    CHO,
    PATIENT,
    PLAN,
    RULES,
    SHORT,
    Booth,
    ending,
    eventually,
    looked_again,
    seen,
)
from tests.core.run_samples import ANA, BEN

EVE = Person("U0EVE", "Eve")


def test_two_distinct_approvers_open_a_gate_of_two(booth: Booth) -> None:
    future = booth.start()
    booth.slack.react(BEN)
    seen(booth, BEN)
    assert not future.done()
    booth.slack.react(CHO)
    assert set(future.result(5)) == {BEN, CHO}
    assert booth.slack.closed == [("1", "approved: approved by Ben, Cho")]
    assert "<@U0BEN> approved: 1 of 2." in booth.slack.answers


def test_a_run_that_stands_at_its_gate_when_the_bot_is_stopped_does_not_leave_it(
    booth: Booth,
) -> None:
    door = Door()
    door.shut()
    booth.slack.react(BEN)
    future = booth.start(ALONE, door=door)
    eventually(lambda: booth.logged(ev.QuorumReached))
    looked_again(booth)
    time.sleep(0.2)  # the grace is over
    assert booth.gate.waiting
    assert booth.logged(ev.GateClosed) == []
    assert booth.store.deadlines.pending() != ()
    booth.cancelled.set()
    booth.gate.wake()
    assert ending(future).reason == "cancelled"


def test_what_is_decided_while_the_bot_is_being_stopped_is_for_the_next_one(booth: Booth) -> None:
    door = Door()
    future = booth.start(RULES, door=door)
    looked_again(booth)
    door.shut()
    booth.slack.react(BEN, "x")
    eventually(lambda: booth.logged(ev.VoteTaken))
    time.sleep(0.1)
    assert booth.gate.waiting
    assert booth.logged(ev.GateClosed) == []
    booth.cancelled.set()  # who cancels was told that it ends
    booth.gate.wake()
    assert ending(future).reason == "vetoed"


def test_the_log_tells_the_gate_from_its_opening_to_its_end(booth: Booth) -> None:
    booth.slack.react(BEN)
    booth.start(ALONE).result(5)
    kinds = [type(event) for event in booth.logged(ev.Event)]
    assert kinds == [ev.GateOpened, ev.VoteTaken, ev.QuorumReached, ev.GateClosed]


def test_two_marks_of_one_person_are_one_vote_answered_once(booth: Booth) -> None:
    for name in ("white_check_mark", "heavy_check_mark", "white_check_mark::skin-tone-2"):
        booth.slack.react(BEN, name)
    future = booth.start()
    looked_again(booth)
    assert not future.done()
    assert len(booth.logged(ev.VoteTaken)) == 1
    assert len([text for text in booth.slack.answers if "U0BEN> approved" in text]) == 1


def test_a_vote_taken_back_is_logged_and_no_longer_counts(booth: Booth) -> None:
    future = booth.start()
    booth.slack.react(BEN)
    seen(booth, BEN)
    booth.slack.take_back(BEN)
    eventually(lambda: booth.logged(ev.VoteWithdrawn))
    booth.slack.react(CHO)
    looked_again(booth)
    assert not future.done()


def test_an_approvers_cross_ends_it_whoever_approved(booth: Booth) -> None:
    booth.slack.react(BEN)
    booth.slack.react(CHO, "x")
    end = ending(booth.start(ALONE))
    assert (end.reason, end.sentence) == ("vetoed", "stopped by Cho")
    assert booth.slack.closed == [("1", "vetoed: stopped by Cho")]


def test_a_cross_within_the_grace_still_stops_it(booth: Booth) -> None:
    booth.slack.react(BEN)
    future = booth.start(PATIENT)
    eventually(lambda: booth.logged(ev.QuorumReached))
    booth.slack.react(CHO, "x")
    assert ending(future).reason == "vetoed"


def test_an_approval_taken_back_within_the_grace_starts_nothing(booth: Booth) -> None:
    booth.slack.react(BEN)
    future = booth.start(replace(ALONE, grace=timedelta(milliseconds=500)))
    eventually(lambda: booth.logged(ev.QuorumReached))
    booth.slack.take_back(BEN)
    time.sleep(0.6)  # past the grace
    looked_again(booth)
    assert not future.done()


def test_a_gate_nobody_answers_expires(booth: Booth) -> None:
    end = ending(booth.start(SHORT))
    assert (end.reason, booth.slack.closed[0][1]) == ("expired", f"expired: {end.sentence}")


def test_the_timer_ends_a_gate_without_any_look_in_between(booth: Booth) -> None:
    assert ending(booth.start(SHORT, poll=60.0)).reason == "expired"


def test_one_reminder_mentions_the_approvers_at_half_time(booth: Booth) -> None:
    rules = replace(SHORT, approvers=("U0BEN", "S0DBA"), timeout=timedelta(milliseconds=800))
    ending(booth.start(rules))
    (reminder,) = booth.slack.answers
    assert reminder.startswith("<@U0BEN> <!subteam^S0DBA> still waiting")


def test_the_deadline_is_kept_while_the_gate_stands_and_forgotten_after(booth: Booth) -> None:
    future = booth.start(ALONE)
    eventually(lambda: booth.slack.reads)
    (deadline,) = booth.store.deadlines.pending()
    assert (deadline.run_id, deadline.at) == (PLAN.run_id, booth.slack.opened[0].expires_at)
    booth.slack.react(BEN)
    future.result(5)
    assert booth.store.deadlines.pending() == ()


def test_a_changed_message_voids_the_gate_although_the_quorum_stands(booth: Booth) -> None:
    booth.slack.react(BEN)
    booth.slack.tampered = True
    assert ending(booth.start(ALONE)).reason == "voided"


def test_a_message_changed_within_the_grace_voids_it_too(booth: Booth) -> None:
    booth.slack.react(BEN)
    future = booth.start(PATIENT)
    eventually(lambda: booth.logged(ev.QuorumReached))
    booth.slack.tampered = True
    assert ending(future).reason == "voided"


def test_the_gate_stays_shut_while_slack_cannot_be_asked(booth: Booth) -> None:
    future = booth.start(ALONE)
    eventually(lambda: booth.slack.reads)
    booth.slack.down = True
    booth.slack.react(BEN)
    eventually(lambda: any(isinstance(e, ev.GateDelayed) for e in booth.slack.events))
    assert not future.done()
    booth.slack.down = False
    assert future.result(5) == (BEN,)


def test_slack_going_away_within_the_grace_keeps_it_shut_until_it_is_back(booth: Booth) -> None:
    booth.slack.react(BEN)
    future = booth.start(replace(ALONE, grace=timedelta(milliseconds=150)))
    eventually(lambda: booth.logged(ev.QuorumReached))
    booth.slack.down = True
    time.sleep(0.3)  # past the grace
    assert not future.done()
    booth.slack.down = False
    assert future.result(5) == (BEN,)


def test_a_gate_expires_also_while_slack_cannot_be_asked(booth: Booth) -> None:
    future = booth.start(SHORT)
    eventually(lambda: booth.slack.reads)
    booth.slack.down = True
    assert ending(future).reason == "expired"


def test_a_gate_that_cannot_be_posted_is_posted_once_slack_is_back(booth: Booth) -> None:
    booth.slack.down = True
    future = booth.start(ALONE)
    eventually(lambda: booth.slack.events)
    booth.slack.down = False
    booth.slack.react(BEN)
    assert future.result(5) == (BEN,)
    assert len(booth.slack.opened) == 1


def test_an_approver_taken_off_the_list_after_voting_no_longer_counts(booth: Booth) -> None:
    future = booth.start()
    booth.slack.react(BEN)
    seen(booth, BEN)
    booth.slack.approvers.remove("U0BEN")
    booth.slack.react(CHO)
    looked_again(booth)
    assert not future.done()
    assert booth.logged(ev.QuorumReached) == []


def test_a_vote_that_stops_counting_is_logged_and_answered_with_the_reason(booth: Booth) -> None:
    booth.start()
    booth.slack.react(BEN)
    seen(booth, BEN)
    booth.slack.approvers.remove("U0BEN")
    eventually(lambda: len(booth.logged(ev.VoteTaken)) == 2)
    refusals = [e.refusal for e in booth.logged(ev.VoteTaken)]  # type: ignore[attr-defined]
    assert refusals == ["", "you are not on the approvers' list"]
    eventually(lambda: "you are not on the approvers' list" in booth.slack.answers[-1])


@pytest.mark.parametrize("person", [ANA, EVE], ids=["requester", "unknown"])
def test_a_vote_that_does_not_count_is_logged_once_and_answered_once(
    booth: Booth, person: Person
) -> None:
    booth.slack.react(person)
    future = booth.start(ALONE)
    looked_again(booth)
    assert not future.done()
    assert len(booth.logged(ev.VoteTaken)) == 1
    told = [text for text in booth.slack.answers if "does not count" in text]
    assert len(told) == 1


@pytest.mark.parametrize("rules", [RULES, PATIENT], ids=["waiting", "in the grace"])
def test_a_cancel_ends_the_gate(booth: Booth, rules: ApprovalRules) -> None:
    booth.slack.react(BEN)
    future = booth.start(rules, poll=60.0)
    eventually(lambda: booth.logged(ev.QuorumReached if rules is PATIENT else ev.VoteTaken))
    booth.cancelled.set()
    booth.gate.wake()
    assert ending(future).reason == "cancelled"


def test_a_cancel_ends_a_gate_that_could_not_even_be_posted(booth: Booth) -> None:
    booth.slack.down = True
    future = booth.start()
    eventually(lambda: booth.slack.events)
    booth.cancelled.set()
    assert ending(future).reason == "cancelled"


def test_a_forged_event_about_a_reaction_nobody_made_approves_nothing(booth: Booth) -> None:
    future = booth.start(ALONE)
    eventually(lambda: booth.slack.opened)
    for _ in range(5):
        booth.gate.hint("C0OPS", "1")
        looked_again(booth)
    assert not future.done()
    assert booth.logged(ev.VoteTaken) == booth.logged(ev.QuorumReached) == []


def test_a_hint_for_its_own_message_makes_it_look_and_others_do_not(booth: Booth) -> None:
    future = booth.start(ALONE, poll=60.0)
    eventually(lambda: booth.slack.reads)
    booth.slack.react(BEN)
    booth.gate.hint("C0OPS", "2")
    booth.gate.hint("C0ELSE", "1")
    time.sleep(0.1)
    assert booth.slack.reads == 1
    booth.gate.hint("C0OPS", "1")
    assert future.result(5) == (BEN,)


def test_a_gate_whose_opening_cannot_be_logged_lets_nobody_pass(booth: Booth) -> None:
    booth.slack.react(BEN)
    with intruder(booth.path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditUnavailable):
            booth.start(ALONE).result(5)


def test_slack_going_away_at_the_end_does_not_take_the_approval_back(booth: Booth) -> None:
    booth.slack.react(BEN)
    booth.slack.leaving = True
    assert booth.start(ALONE).result(5) == (BEN,)
    assert booth.slack.closed == []
