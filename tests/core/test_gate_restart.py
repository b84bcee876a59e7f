"""A gate that stood when the bot stopped is taken up again, or voided in front of everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core import events as ev
from bot.core.approvals import Mark
from bot.core.interrupted import Unfinished
from bot.core.models import Person
from bot.core.open_gate import OpenGate
from bot.core.plan import Plan
from tests.core.booth import CHO, PLAN, RULES, Booth, ending, eventually, looked_again
from tests.core.run_samples import BEN, RUN, START, a_notice, a_plan


def standing(booth: Booth, plan: Plan = PLAN) -> OpenGate:
    """A gate from before a restart: message 1."""
    now = booth.clock.now()
    notice = replace(a_notice(plan), opened_at=now, expires_at=now + timedelta(minutes=1))
    return OpenGate(replace(notice, rules=RULES), booth.slack.open(notice))


def test_a_gate_from_before_a_restart_keeps_its_message_and_its_votes(booth: Booth) -> None:
    resumed = standing(booth)
    booth.slack.react(BEN)
    booth.slack.react(CHO)
    assert set(booth.start(resumed=resumed).result(5)) == {BEN, CHO}
    assert (len(booth.slack.opened), booth.slack.closed[0][0]) == (1, "1")


def test_a_gate_that_ended_while_the_bot_was_away_has_expired(booth: Booth) -> None:
    old = standing(booth)
    late = replace(old, notice=replace(old.notice, expires_at=booth.clock.now()))
    booth.slack.react(BEN)
    booth.slack.react(CHO)
    assert ending(booth.start(resumed=late)).reason == "expired"


def test_a_plan_that_changed_meanwhile_voids_the_old_message_and_its_votes(booth: Booth) -> None:
    resumed = standing(booth, a_plan(system_identifier="another"))
    booth.slack.react(BEN)
    booth.slack.react(CHO)
    future = booth.start(resumed=resumed)
    eventually(lambda: len(booth.slack.opened) == 2 and booth.slack.reads > 2)
    assert booth.slack.closed[0][1].startswith("voided: the plan changed")
    assert booth.logged(ev.VoteTaken) == []
    booth.slack.react(BEN, ts="2")
    booth.slack.react(CHO, ts="2")
    assert set(future.result(5)) == {BEN, CHO}


EVE = Person("U0EVE", "Eve")


def vote(person: Person, refusal: str = "") -> ev.VoteTaken:
    return ev.VoteTaken(
        run_id=RUN, at=START, person=person, mark=Mark.APPROVE, refusal=refusal, digest="ab"
    )


def test_votes_answered_before_a_restart_are_not_answered_again(booth: Booth) -> None:
    booth.slack.react(EVE)
    booth.slack.react(BEN)
    answered = (vote(EVE, "only members of this workspace can approve"), vote(BEN))
    booth.start(resumed=replace(standing(booth), answered=answered))
    looked_again(booth)
    assert (booth.logged(ev.VoteTaken), booth.slack.answers) == ([], [])
    booth.slack.take_back(BEN)
    eventually(lambda: booth.logged(ev.VoteWithdrawn))


def test_the_votes_of_the_gate_that_stood_last_are_taken_from_the_log() -> None:
    opened = ev.GateOpened(run_id=RUN, at=START, notice=a_notice(), channel="C0OPS", ts="1")
    voided = ev.GateClosed(run_id=RUN, at=START, outcome="voided", sentence="", digest="ab")
    back = ev.VoteWithdrawn(run_id=RUN, at=START, person=CHO, mark=Mark.APPROVE, digest="ab")
    again = replace(opened, ts="2")
    run = Unfinished(RUN, (opened, vote(EVE), voided, again, vote(CHO), vote(BEN), back))
    assert run.gate is not None
    assert (run.gate.ref.ts, run.gate.answered) == ("2", (vote(BEN),))
