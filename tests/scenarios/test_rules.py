"""The gate under other settings: two approvers, the requester's own vote, little time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.scenarios.office import AT_ONCE, Office
from tests.scenarios.run import Run
from tests.scenarios.site import Site

Hire = Callable[..., Office]


@pytest.fixture(scope="module")
def hire(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hire]:
    """Starts a bot with rules of its own."""
    hired: list[Office] = []
    with ExitStack() as stack:

        def start(**approval: object) -> Office:
            for other in hired:
                other.settle()
            office = Office(site, tmp_path_factory.mktemp("rules"), approval, target=AT_ONCE)
            hired.append(office)
            stack.enter_context(office.server)
            return stack.enter_context(office.serving())

        yield start


@pytest.fixture(scope="module")
def two(hire: Hire) -> Office:
    return hire(quorum=2)


@pytest.fixture
def run(two: Office) -> Iterator[Run]:
    """A run that needs two people."""
    yield two.restore()
    two.settle()


@pytest.fixture(scope="module")
def expired(hire: Hire) -> Run:
    """A run nobody decided on in its two seconds."""
    run = hire(timeout="2s").restore()
    run.ended()
    return run


def test_two_people_are_a_quorum_of_two(two: Office, run: Run) -> None:
    run.vote(two["ben"])
    run.until(lambda: run.answers(two["ben"]), "an answer")
    assert (run.reached, "1 of 2" in run.answers(two["ben"])[0]) == (0, True)
    run.vote(two["cho"])
    run.until(lambda: run.reached, "a quorum")
    assert "2 of 2" in run.answers(two["cho"])[0]


def test_two_marks_of_one_person_are_no_quorum_of_two(two: Office, run: Run) -> None:
    run.vote(two["ben"])
    run.vote(two["ben"], "heavy_check_mark")
    run.vote(two["ben"], "white_check_mark::skin-tone-3")
    run.refused(two.newcomer())
    assert (run.reached, run.votes(two["ben"])) == (0, ["approve"])


def test_an_approval_taken_back_does_not_count_for_the_quorum(two: Office, run: Run) -> None:
    run.vote(two["ben"])
    run.until(lambda: run.votes(two["ben"]), "a vote")
    run.take_back(two["ben"])
    run.vote(two["cho"])
    run.until(lambda: run.votes(two["cho"]), "a vote")
    assert (run.reached, run.votes(two["ben"])) == (0, ["approve", "withdrawn"])


def test_the_requesters_own_vote_counts_where_the_settings_say_so(hire: Hire) -> None:
    office = hire(self_approval=True)
    run = office.restore(by="ben")
    run.approve(office["ben"])
    assert run.votes(office["ben"]) == ["approve"]


def test_a_gate_nobody_answers_expires(expired: Run) -> None:
    assert (expired.outcome, expired.verdicts, expired.started) == ("not approved", ["expired"], [])
    assert expired.sentence == "nobody decided in time. Nothing was changed."


def test_a_vote_after_the_end_does_not_count(expired: Run) -> None:
    expired.vote(expired.office["ben"])
    again = expired.office.restore()
    assert expired.votes(expired.office["ben"]) == []
    assert again.votes(expired.office["ben"]) == []
    assert again.id != expired.id


def test_one_reminder_mentions_the_approvers_before_the_end(expired: Run) -> None:
    workspace = expired.office.workspace
    thread = workspace.channel("ops").thread(expired.gate.ts)
    [reminder] = [m.text for m in thread]
    assert reminder.startswith(f"<!subteam^{workspace.usergroup('dba').id}> still waiting")
