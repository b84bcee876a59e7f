"""What opens the gate, what ends it, and what is found out at the last moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.scenarios.office import AT_ONCE, Office
from tests.scenarios.run import VETO, Run
from tests.scenarios.site import Site

POLL_S = 0.1


@pytest.fixture(scope="module")
def hurried(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot whose gates look by themselves more often than every 15 s."""
    office = Office(site, tmp_path_factory.mktemp("hurried"), poll=POLL_S, target=AT_ONCE)
    with office.server, office.serving():
        yield office


@pytest.fixture
def impatient(hurried: Office) -> Iterator[Office]:
    """The same with nobody at a gate, and left so."""
    hurried.settle()
    yield hurried
    hurried.settle()


@pytest.fixture
def _idle_again(office: Office) -> Iterator[None]:
    yield
    office.site.idle.kill()


def nothing_done(run: Run, before: dict[str, int]) -> bool:
    return run.started == [] and run.office.site.databases() == before


@pytest.fixture(scope="module")
def run(staffed: Office) -> Iterator[Run]:
    """A run at its gate, to be looked at only."""
    run = staffed.restore(options="reason=disk broke")
    staffed.until(lambda: run.log("card"), "a card")
    yield run
    staffed.settle()


def test_the_approval_message_tells_a_locked_phone_who_what_and_where(
    staffed: Office, run: Run
) -> None:
    text = run.gate.text
    year = datetime.now(UTC).year
    assert text.startswith("ana wants to restore main from sample.dump (")
    assert "Would be lost: everything written in the " in text
    assert f"before {year}-" in text
    assert f"Run {run.id}, digest " in text
    assert text.endswith(f"<!subteam^{staffed.workspace.usergroup('dba').id}>")
    assert "disk broke" in str(run.gate.blocks)


def test_the_approval_message_is_not_the_card_and_both_marks_wait_on_it(
    staffed: Office, run: Run
) -> None:
    bot = staffed.workspace.bot_user
    assert run.gate.ts != run.card().ts
    assert run.gate.reactions == {"white_check_mark": [bot], "x": [bot]}


@pytest.mark.parametrize("emoji", ["heavy_check_mark", "white_check_mark::skin-tone-5"])
def test_an_approvers_check_mark_counts_whatever_its_variant(office: Office, emoji: str) -> None:
    run = office.restore()
    run.vote(office["ben"], emoji)
    run.until(lambda: run.reached, "a quorum")
    assert run.votes(office["ben"]) == ["approve"]
    assert run.answers(office["ben"]) == [f"<@{office['ben'].id}> approved: 1 of 1."]


@pytest.mark.parametrize("emoji", ["x", "heavy_multiplication_x"])
def test_a_cross_by_an_approver_ends_the_run(office: Office, emoji: str) -> None:
    run = office.restore()
    run.vote(office["cho"], emoji)
    assert (run.ended(), run.verdicts) == ("not approved", ["vetoed"])
    assert run.sentence == "stopped by cho. Nothing was changed."
    assert run.started == []
    run.closed("vetoed: stopped by cho")


def test_a_cross_within_the_grace_still_ends_the_run(office: Office) -> None:
    before = office.site.databases()
    run = office.restore()
    run.approve()
    run.vote(office["cho"], VETO)
    assert (run.ended(), run.verdicts) == ("not approved", ["vetoed"])
    assert nothing_done(run, before)


def test_an_approval_taken_back_within_the_grace_starts_nothing(office: Office) -> None:
    run = office.restore()
    run.approve()
    run.take_back(office["ben"])
    run.until(lambda: "withdrawn" in run.votes(office["ben"]), "a withdrawal")
    grace_is_over(run)
    assert (run.reached, run.outcome, run.started) == (1, "", [])


def grace_is_over(run: Run) -> None:
    """Wait until the gate waits for votes again: it counts once more after the last look."""
    starts_at = datetime.fromisoformat(str(run.log("QuorumReached")[-1].detail["starts_at"]))
    run.until(lambda: datetime.now(UTC) > starts_at, "the end of the grace")
    run.refused(run.office.newcomer())


@pytest.mark.parametrize("change", ["deactivated", "off the list"])
def test_a_vote_no_longer_counts_when_its_voter_is(office: Office, change: str) -> None:
    before = office.site.databases()
    voter = office.newcomer(approver=True)
    run = office.restore()
    run.approve(voter)
    with office.workspace.lock:
        voter.user.deleted = change == "deactivated"
        if change == "off the list":
            office.workspace.usergroup("dba").users.remove(voter.id)
    run.until(lambda: run.votes(voter) == ["approve", "refused"], "a second look at the vote")
    grace_is_over(run)
    assert (run.reached, run.outcome) == (1, "")
    assert nothing_done(run, before)


def test_a_dump_replaced_after_the_vote_starts_nothing(office: Office) -> None:
    before = office.site.databases()
    run = office.restore(office.site.dump("replaced.dump"))
    run.approve()
    office.site.shell("printf x >> /backup/replaced.dump")
    assert (run.ended(), run.verdicts[-1]) == ("not approved", "voided")
    assert run.sentence == "the dump changed after the request. Nothing was changed."
    assert nothing_done(run, before)


@pytest.mark.parametrize("part", ["text", "blocks"])
def test_an_approval_message_that_was_changed_is_void(office: Office, part: str) -> None:
    run = office.restore()
    lie = [{"type": "section", "text": {"type": "mrkdwn", "text": "restore the test database"}}]
    if part == "text":
        office.workspace.tamper("ops", run.gate.ts, text="restore the test database")
    else:
        office.workspace.tamper("ops", run.gate.ts, blocks=lie)
    run.vote(office["ben"])
    assert (run.ended(), run.verdicts) == ("not approved", ["voided"])
    assert (run.reached, run.started) == (0, [])
    assert "the approval message was changed or deleted" in run.sentence


@pytest.mark.usefixtures("_idle_again")
def test_an_old_check_mark_does_not_count_when_the_plan_has_changed(office: Office) -> None:
    run = office.restore()
    first = run.gate
    run.approve()
    office.site.idle.start()
    run.until(lambda: len(run.gates) == 2, "a second gate")
    second = run.gate
    assert run.verdicts == ["approved", "voided"]
    run.closed("voided: the plan changed after it was approved", first)
    assert "running applications changed" in str(run.log("gate")[2].detail["sentence"])
    assert str(office.site.idle.name) in str(second.blocks)
    run.vote(office["cho"], gate=first)
    run.refused(office.newcomer())
    assert (run.reached, run.votes(office["cho"]), run.started) == (1, [], [])
    assert office["ben"].id in first.reactions["white_check_mark"]
    run.approve(office["cho"])


def test_a_vote_whose_event_got_lost_is_found(impatient: Office) -> None:
    run = impatient.restore()
    impatient.workspace.faults.skip_event("reaction_added")
    run.vote(impatient["ben"])
    run.until(lambda: run.reached, "a quorum")
    assert not impatient.workspace.deliveries.records[-1].sent


@pytest.mark.parametrize(
    "method",
    ["reactions.get", "users.info"],
)
def test_the_gate_stays_shut_while_slack_cannot_be_asked(impatient: Office, method: str) -> None:
    run = impatient.restore()
    faults = impatient.workspace.faults
    faults.fail(method, times=3)
    run.vote(impatient["ben"])
    impatient.until(lambda: faults.api[0].times == 0 or run.reached, "three failures")
    run.until(lambda: run.reached, "a quorum")
    assert run.votes(impatient["ben"]) == ["approve"]


def test_the_gate_stays_shut_while_slack_limits_the_rate(impatient: Office) -> None:
    run = impatient.restore()
    faults = impatient.workspace.faults
    faults.rate_limit("reactions.get", times=2, retry_after=1)
    run.vote(impatient["ben"])
    run.until(lambda: run.reached, "a quorum")
    assert faults.api[0].times == 0


def test_a_gate_whose_message_slack_does_not_take_opens_later(impatient: Office) -> None:
    faults = impatient.workspace.faults
    faults.fail("chat.postMessage", times=4)
    run = impatient.restore()
    assert faults.api[0].times == 0
    assert len(run.gates) == 1
    run.approve()
