"""What a dead run had done, as the log tells it, and what can be done about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import events as ev
from bot.core.change_plan import ChangePlan
from bot.core.errors import Refused
from bot.core.models import Decision, Facts
from bot.core.past import Past, past_of
from bot.core.plan import ORDER, StepName
from bot.core.recovery import offers, require_answers
from bot.core.survey import Survey, has_turned, in_short
from tests.core.run_samples import BEN, LIVE, RUN, a_plan, after, planned, requested

PLAN = a_plan()
STEPS = ORDER[PLAN.target.strategy]


def begun(step: StepName, facts: Facts | None = None) -> ev.StepStarted:
    return ev.StepStarted(run_id=RUN, at=after(9), step=step, intent="do it", facts=facts or {})


def done(step: StepName, facts: Facts | None = None) -> ev.StepFinished:
    return ev.StepFinished(
        run_id=RUN, at=after(9), step=step, summary="done", seconds=1, facts=facts or {}
    )


def failed(step: StepName) -> ev.StepFailed:
    return ev.StepFailed(run_id=RUN, at=after(9), step=step, sentence="no", seconds=1)


def undone(step: StepName, *, ok: bool = True) -> ev.StepUndone:
    return ev.StepUndone(run_id=RUN, at=after(9), step=step, summary="undone", ok=ok)


def approved(outcome: str = "approved") -> ev.GateClosed:
    return ev.GateClosed(
        run_id=RUN, at=after(8), outcome=outcome, sentence="", digest="d1", approvers=(BEN,)
    )


def past(*events: ev.Event) -> Past:
    found = past_of([requested(), planned(), *events])
    assert found is not None
    return found


def through(step: StepName) -> list[ev.Event]:
    """Every step up to that one, ended well."""
    names = STEPS[: STEPS.index(step) + 1]
    return [event for name in names for event in (begun(name), done(name))]


def test_a_run_without_a_plan_has_no_past() -> None:
    assert past_of([requested(), begun(StepName.PREFLIGHT)]) is None


def test_the_step_that_was_begun_and_has_no_outcome_is_the_one_it_died_in() -> None:
    found = past(*through(StepName.CREATE_DATABASE), begun(StepName.EXTENSIONS, {"n": 1}))
    assert found.cut_off is StepName.EXTENSIONS
    assert found.intents[StepName.EXTENSIONS] == {"n": 1}
    assert set(found.facts) == {StepName.STOP_APPLICATIONS, StepName.CREATE_DATABASE}
    assert in_short(found) == "in the middle of “Install extensions”"


def test_between_two_steps_it_died_in_none() -> None:
    found = past(*through(StepName.CREATE_DATABASE))
    assert found.cut_off is None
    assert in_short(found) == "after “Create database”"


def test_a_step_that_is_begun_again_is_not_done_any_more() -> None:
    step = StepName.CREATE_DATABASE
    assert past(begun(step), done(step, {"oid": 1}), begun(step)).facts == {}


def test_what_was_taken_back_was_never_begun_and_nothing_can_be_gone_on_with() -> None:
    found = past(*through(StepName.EXTENSIONS), failed(StepName.EXTENSIONS))
    back = past(*through(StepName.EXTENSIONS), undone(StepName.CREATE_DATABASE))
    assert found.broken == "Install extensions"
    assert back.broken == "Create database"
    assert StepName.CREATE_DATABASE not in back.begun


def test_half_a_copy_that_goes_so_that_it_is_made_anew_breaks_nothing() -> None:
    resumed = (
        *through(StepName.EXTENSIONS),
        ev.DecisionTaken(run_id=RUN, at=after(9), person=BEN, decision=Decision.RESUME),
        undone(StepName.CREATE_DATABASE),
    )
    assert past(*resumed).broken == ""
    again = (*resumed, begun(StepName.CREATE_DATABASE), done(StepName.CREATE_DATABASE))
    assert past(*again).broken == ""
    assert past(*again, undone(StepName.CREATE_DATABASE)).broken == "Create database"
    assert past(*resumed, undone(StepName.STOP_APPLICATIONS)).broken == "Stop applications"


def test_what_could_not_be_taken_back_still_stands() -> None:
    step = StepName.STOP_APPLICATIONS
    assert past(begun(step), done(step), undone(step, ok=False)).begun == (step,)


def test_a_failure_after_the_cut_over_leaves_the_run_to_be_finished() -> None:
    found = past(*through(StepName.CUT_OVER), begun(StepName.RESTART), failed(StepName.RESTART))
    assert (found.turned, found.broken) == (True, "")


@pytest.mark.parametrize(
    ("ends", "digest"),
    [((), ""), ((approved(),), "d1"), ((approved(), approved("voided")), "")],
    ids=["never", "approved", "voided since"],
)
def test_an_approval_stands_until_it_is_voided(ends: tuple[ev.Event, ...], digest: str) -> None:
    assert past(*ends).approved == digest


@pytest.mark.parametrize(
    ("broken", "turned", "possible"),
    [
        ("", False, [Decision.RESUME, Decision.UNDO, Decision.ABANDON]),
        ("", True, [Decision.RESUME, Decision.ABANDON]),
        ("", None, [Decision.RESUME, Decision.UNDO, Decision.ABANDON]),
        ("Create database", False, [Decision.UNDO, Decision.ABANDON]),
        ("Create database", None, [Decision.UNDO, Decision.ABANDON]),
    ],
)
def test_only_what_is_possible_is_offered(
    broken: str, turned: bool | None, possible: list[Decision]
) -> None:
    found = replace(past(), broken=broken)
    assert list(offers(found, Survey((), turned))) == possible


@pytest.mark.parametrize("operation", ["runjob", "repair"])
def test_a_job_that_was_kicked_off_can_neither_be_gone_on_with_nor_taken_back(
    operation: str,
) -> None:
    order = (StepName.RUN_RETENTION,)
    plan = ChangePlan(RUN, PLAN.target, operation, "", "", order, PLAN.container, (), "7")
    found = list(offers(replace(past(), plan=plan), Survey((), turned=False)))
    all_three = [Decision.RESUME, Decision.UNDO, Decision.ABANDON]
    assert found == ([Decision.ABANDON] if operation == "runjob" else all_three)


def test_which_database_serves_is_known_by_oid_and_by_the_run_in_its_comment() -> None:
    copy = replace(LIVE, oid=17000, comment=f"tsbot restore run {RUN} of {LIVE.name}")
    known = past(begun(StepName.CREATE_DATABASE), done(StepName.CREATE_DATABASE, {"oid": 17000}))
    assert not has_turned(known, LIVE)
    assert not has_turned(known, None)
    assert has_turned(known, replace(copy, comment=""))
    assert has_turned(past(), copy)
    assert not has_turned(past(), replace(copy, comment="another run's"))


def test_nobody_can_decide_to_go_on_while_docker_or_postgresql_does_not_answer() -> None:
    blind = Survey(("PostgreSQL cannot be asked: gone",), None, asked=False)
    for decision in (Decision.RESUME, Decision.UNDO):
        with pytest.raises(Refused, match=r"cannot be asked: gone\. Try again"):
            require_answers(blind, decision)
    require_answers(blind, Decision.ABANDON)
