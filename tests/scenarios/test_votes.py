"""Marks that must not count, all at one open gate: each is refused, answered once, logged once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.sandbox.slack import Person
from tests.scenarios.office import Office
from tests.scenarios.run import VETO, Run

OTHER_TEAM = "T0OTHER"


@pytest.fixture(scope="module")
def crowd(staffed: Office) -> dict[str, Person]:
    """People on the approvers' list before anybody asks: only one thing is wrong with each."""
    staffed.workspace.usergroup("dba").users.append(staffed["ana"].id)
    return {
        "bot": staffed.newcomer(approver=True, is_bot=True),
        "guest": staffed.newcomer(approver=True, is_restricted=True),
        "single-channel guest": staffed.newcomer(approver=True, is_ultra_restricted=True),
        "stranger": staffed.newcomer(approver=True, is_stranger=True, team_id=OTHER_TEAM),
        "other team": staffed.newcomer(approver=True, team_id=OTHER_TEAM),
    }


@pytest.fixture(scope="module")
def run(staffed: Office, crowd: dict[str, Person]) -> Iterator[Run]:
    """A run at its gate."""
    yield staffed.restore(options="reason=practice")
    staffed.settle()


@pytest.fixture(autouse=True)
def _still_waiting(run: Run) -> Iterator[None]:
    """Whatever somebody tried, nothing has begun."""
    yield
    assert (run.reached, run.started, run.outcome) == (0, [], "")


def looked_again(staffed: Office, run: Run) -> None:
    """Wait until the gate has read its marks once more."""
    run.refused(staffed.newcomer())


def test_a_vote_by_the_requester_does_not_count(staffed: Office, run: Run) -> None:
    assert "you asked for this restore" in run.refused(staffed["ana"])


def test_a_vote_by_a_bot_does_not_count(run: Run, crowd: dict[str, Person]) -> None:
    assert "bots cannot approve" in run.refused(crowd["bot"])


@pytest.mark.parametrize("kind", ["guest", "single-channel guest"])
def test_a_vote_by_a_guest_does_not_count(run: Run, crowd: dict[str, Person], kind: str) -> None:
    assert "guests cannot approve" in run.refused(crowd[kind])


@pytest.mark.parametrize("kind", ["stranger", "other team"])
def test_a_vote_from_another_workspace_does_not_count(
    run: Run, crowd: dict[str, Person], kind: str
) -> None:
    assert "only members of this workspace" in run.refused(crowd[kind])


def test_a_vote_by_somebody_not_on_the_list_does_not_count(staffed: Office, run: Run) -> None:
    assert run.refused(staffed["dan"]) == (
        f"<@{staffed['dan'].id}> this does not count: you are not on the approvers' list."
    )


def test_a_vote_by_somebody_put_on_the_list_after_the_request_does_not_count(
    staffed: Office, run: Run
) -> None:
    late = staffed.newcomer(approver=True)
    assert "when this was requested" in run.refused(late)


def test_a_cross_by_somebody_not_on_the_list_stops_nothing(staffed: Office, run: Run) -> None:
    assert "not on the approvers' list" in run.refused(staffed.newcomer(), VETO)


def test_a_vote_on_another_message_does_not_count(staffed: Office, run: Run) -> None:
    staffed.until(lambda: run.log("card"), "a card")
    run.vote(staffed["ben"], gate=run.card())
    looked_again(staffed, run)
    assert run.votes(staffed["ben"]) == []


@pytest.mark.parametrize("emoji", ["+1", "heavy_plus_sign"])
def test_a_mark_that_is_no_check_mark_does_not_count(staffed: Office, run: Run, emoji: str) -> None:
    run.vote(staffed["cho"], emoji)
    looked_again(staffed, run)
    assert run.votes(staffed["cho"]) == []


def test_a_refused_vote_is_answered_once_however_often_it_is_reported(
    staffed: Office, run: Run
) -> None:
    person = staffed.newcomer()
    staffed.workspace.faults.duplicate("events_api")
    run.refused(person)
    run.vote(person, "heavy_check_mark")
    looked_again(staffed, run)
    assert (len(run.answers(person)), run.votes(person)) == (1, ["refused"])


def test_a_vote_behind_more_people_than_slack_lists_at_once_is_seen(
    staffed: Office, run: Run
) -> None:
    people = [staffed.newcomer() for _ in range(4)]
    for person in people:
        run.refused(person)
    shown = run.gate.reactions_json(full=False)
    assert not {p.id for p in people} & {user for mark in shown for user in mark["users"]}
