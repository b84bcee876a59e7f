"""Slack limits, breaks or is silent: gates stay shut, runs past theirs go on and are told later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from bot.adapters.slack.pending import Pace
from bot.core.plan import StepName
from tests.scenarios.aftermath import Before
from tests.scenarios.office import AT_ONCE, Office
from tests.scenarios.run import RESTORED_S, VETO, Run
from tests.scenarios.site import Site

LIMIT_S = 6
"""What Slack asks to wait; a run that did would be seen to."""

PACE = Pace(post_every=0.02, longest_wait=1.0)
Outage = Callable[[Office], None]


def limited(office: Office, seconds: int = LIMIT_S) -> None:
    office.workspace.faults.rate_limit("*", times=None, retry_after=seconds)


def broken(office: Office) -> None:
    office.workspace.faults.fail("*", times=None, status=500)


def cut_off(office: Office) -> None:
    """Comes last: until the bot has a new socket it hears of no command."""
    office.workspace.faults.dead = True
    office.server.sever()


def silent(office: Office) -> None:
    office.workspace.faults.silent = True


def limited_for_a_second(office: Office) -> None:
    limited(office, 1)


@pytest.fixture(scope="module")
def office(rough: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot that looks at its gates often and is quick to see that Slack is back."""
    office = Office(rough, tmp_path_factory.mktemp("away"), {"grace": "1s"}, PACE, poll=0.1)
    with office.server, office.serving():
        yield office
    rough.tidy()


@pytest.fixture(scope="module")
def brief(rough: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The same with gates that nobody has long to vote at."""
    office = Office(rough, tmp_path_factory.mktemp("brief"), {"timeout": "3s"}, PACE, poll=0.1)
    with office.server, office.serving():
        yield office


@pytest.fixture(scope="module")
def at_once(rough: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The same with gates that open before anything is done."""
    office = Office(rough, tmp_path_factory.mktemp("gate"), pace=PACE, poll=0.1, target=AT_ONCE)
    with office.server, office.serving():
        yield office


@pytest.mark.fault("Slack limits, fails, cuts off or is silent from the approval to the end")
@pytest.mark.parametrize("outage", [limited, silent, broken, cut_off])
def test_a_run_past_its_gate_goes_on_without_slack_and_is_told_of_afterwards(
    office: Office, outage: Outage
) -> None:
    before = Before.look(office)
    run = office.restore()
    office.until(lambda: run.log("card"), "a card")
    run.vote(office["ben"])
    run.until(lambda: run.verdicts, "the approval")
    outage(office)
    assert run.ended(RESTORED_S) == "succeeded", run.sentence
    assert pause_before(run, StepName.STOP_APPLICATIONS) < timedelta(seconds=LIMIT_S / 2)
    assert "succeeded" not in run.card().text
    back(office)
    office.until(lambda: "succeeded" in run.card().text, "a card painted again", RESTORED_S)
    run.closed("approved: approved by ben")
    run.announced("> Restore of main: succeeded")
    before.assert_safe(run, restored=True)


def back(office: Office) -> None:
    with office.workspace.lock:
        office.workspace.faults.clear()


def pause_before(run: Run, step: StepName) -> timedelta:
    """Return how long it took from the approval to a step; both are in the log with their time."""
    approved = run.at("gate", "GateClosed")
    return run.at(step.value, "StepStarted") - approved


@pytest.mark.fault("Slack limits, fails, cuts off or is silent while approvers vote")
@pytest.mark.parametrize("outage", [limited_for_a_second, silent, broken, cut_off])
def test_a_gate_stays_shut_while_slack_cannot_be_asked_and_opens_afterwards(
    at_once: Office, outage: Outage
) -> None:
    before = Before.look(at_once)
    run = at_once.restore()
    outage(at_once)
    run.vote(at_once["ben"])
    time.sleep(1)  # ten looks: what must not happen gives no sign of its own
    assert (run.votes(at_once["ben"]), run.reached, run.started) == ([], 0, [])
    back(at_once)
    run.until(lambda: run.votes(at_once["ben"]), "the vote")
    run.vote(at_once["cho"], VETO)
    assert run.ended() == "not approved"
    run.announced("> Restore of main: not approved")
    before.assert_safe(run, restored=False)


@pytest.mark.fault("Slack is away from the gate's opening to the end")
@pytest.mark.parametrize("outage", [broken, cut_off])
def test_a_gate_that_slack_never_comes_back_to_expires_and_is_told_of_afterwards(
    brief: Office, outage: Outage
) -> None:
    before = Before.look(brief)
    run = brief.restore()
    outage(brief)
    run.vote(brief["ben"])
    assert run.ended() == "not approved"
    assert (run.verdicts, run.reached) == (["expired"], 0)
    back(brief)
    run.closed("expired: nobody decided in time")
    run.announced("> Restore of main: not approved")
    before.assert_safe(run, restored=False)
