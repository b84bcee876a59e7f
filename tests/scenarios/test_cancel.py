"""Cancelling: by the requester or an approver, with the card's button or a mention."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.core.permissions import CANCEL_RUN
from tests.scenarios.office import Office
from tests.scenarios.run import Run

CANCEL = CANCEL_RUN.action
WITHDRAWN = (
    "Run {} stops at its next safe point: the request is withdrawn at once; nothing was changed."
)


@pytest.fixture
def run(office: Office) -> Run:
    """A run at its gate, whose card is there."""
    return with_card(office)


@pytest.fixture(scope="module")
def lasting(staffed: Office) -> Iterator[Run]:
    """The same for those who do not end it."""
    yield with_card(staffed)
    staffed.settle()


def with_card(office: Office) -> Run:
    run = office.restore()
    office.until(lambda: run.log("card"), "a card")
    return run


def pressed(run: Run, name: str) -> str:
    """Let somebody press Cancel and return what they are told."""
    office, ts = run.office, run.card().ts
    return office.told(office[name], lambda: office[name].click(CANCEL, "ops", ts, run.id))


def mentioned(run: Run, name: str, text: str) -> str:
    """Let somebody mention the bot in the card's thread and return what they are told."""
    office, ts = run.office, run.card().ts
    return office.told(office[name], lambda: office[name].mention(text, "ops", ts))


def cancellations(run: Run) -> list[tuple[str, str]]:
    """Who tried to cancel, and how the log took it."""
    return [(d.actor_id, d.status) for d in run.log("command")]


def test_a_mention_that_asks_for_nothing_is_told_what_to_say(lasting: Run) -> None:
    assert "cancel RUN" in mentioned(lasting, "dan", "hello?")
    assert cancellations(lasting) == []


def test_a_mention_is_answered_where_slack_cannot_say_who_it_is(lasting: Run) -> None:
    lasting.office.workspace.faults.fail("users.info")
    answer = mentioned(lasting, "ana", f"cancel {lasting.id}")
    assert answer.startswith("That could not be done: Slack ")
    assert cancellations(lasting) == [(lasting.office["ana"].id, "failed")]
    assert lasting.outcome == ""


def test_nobody_else_cancels(lasting: Run) -> None:
    answer = pressed(lasting, "dan")
    assert answer == (
        "To use Cancel you must be the person who asked for this run, or on the approvers' list."
    )
    assert mentioned(lasting, "dan", f"cancel {lasting.id}") == answer
    assert cancellations(lasting)[-2:] == [(lasting.office["dan"].id, "refused")] * 2
    assert lasting.outcome == ""


def test_who_names_no_run_is_told_which_are_at_work(lasting: Run) -> None:
    answer = mentioned(lasting, "ana", "cancel zzz")
    assert answer == f"There is no run “zzz”. At work: {lasting.id} on main."
    assert lasting.outcome == ""


def test_a_guest_on_the_approvers_list_does_not_cancel(lasting: Run) -> None:
    office = lasting.office
    office["cho"].user.is_restricted = True
    try:
        assert "Only full members of this workspace" in pressed(lasting, "cho")
    finally:
        office["cho"].user.is_restricted = False
    assert lasting.outcome == ""


def test_an_approver_who_left_the_group_a_moment_ago_does_not_cancel(lasting: Run) -> None:
    office = lasting.office
    group = office.workspace.usergroup("dba")
    pressed(lasting, "dan")  # the bot has just asked who is in the group
    with office.workspace.lock:
        group.users.remove(office["cho"].id)
    try:
        assert "or on the approvers' list" in pressed(lasting, "cho")
    finally:
        group.users.append(office["cho"].id)
    assert lasting.outcome == ""


def test_who_asked_cancels_even_where_slack_does_not_say_who_approves(run: Run) -> None:
    run.office.workspace.faults.fail("usergroups.users.list")
    assert pressed(run, "ana") == WITHDRAWN.format(run.id)
    assert run.ended() == "cancelled"


@pytest.mark.parametrize("name", ["ana", "cho"])
def test_the_requester_and_approvers_cancel_with_the_button(run: Run, name: str) -> None:
    assert pressed(run, name) == WITHDRAWN.format(run.id)
    assert (run.ended(), run.verdicts, run.started) == ("cancelled", ["cancelled"], [])
    assert cancellations(run) == [(run.office[name].id, "ok")]
    run.closed("cancelled")


def test_a_mention_cancels_from_within_a_thread(run: Run) -> None:
    answer = mentioned(run, "ana", f"please cancel {run.id}, wrong dump")
    assert answer == WITHDRAWN.format(run.id)
    assert (run.ended(), run.started) == ("cancelled", [])


def test_cancelling_within_the_grace_starts_nothing(run: Run) -> None:
    run.approve()
    pressed(run, "ana")
    assert (run.ended(), run.verdicts, run.started) == ("cancelled", ["cancelled"], [])


def test_a_run_that_has_ended_cannot_be_cancelled(run: Run) -> None:
    pressed(run, "ana")
    run.ended()
    again = mentioned(run, "ben", f"cancel {run.id}")
    assert again == f"Run {run.id} has ended; there is nothing to cancel."
