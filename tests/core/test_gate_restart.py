"""A gate that stood when the bot stopped is taken up again, or voided in front of everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core import events as ev
from bot.core.gate import OpenGate
from bot.core.plan import Plan
from tests.core.booth import CHO, PLAN, RULES, Booth, ending, eventually
from tests.core.run_samples import BEN, a_notice, a_plan


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
