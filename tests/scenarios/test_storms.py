"""Too much, twice, and without room: every envelope again, two bots, 200 votes, a full disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.core.permissions import ROLL_BACK
from bot.sandbox.slack import Person
from tests.scenarios.aftermath import Before
from tests.scenarios.office import AT_ONCE, Office
from tests.scenarios.run import APPROVE, RESTORED_S, VETO, Run
from tests.scenarios.site import Site


@pytest.mark.fault("every envelope delivered twice")
def test_every_envelope_delivered_twice_acts_once(rough: Site, tmp_path: Path) -> None:
    office = Office(rough, tmp_path, {"grace": "1s"})
    before = Before.look(office)
    with office.server, office.serving():
        office.workspace.faults.twice = True
        run = office.restore()
        run.vote(office["ben"])
        assert run.ended(RESTORED_S) == "succeeded", run.sentence
        result = run.announced("> Restore of main: succeeded")
        office.told(
            office["ana"], lambda: office["ana"].click(ROLL_BACK.action, "ops", result.ts, run.id)
        )
        [asked] = office.log("rollback")
        back = Run(office, asked.run_id)
        back.until(lambda: back.gates, "a gate")
        back.vote(office["cho"], VETO)
        assert back.ended() == "not approved"
        back.announced("> Rollback of main: not approved")
    deliveries = office.workspace.deliveries.records
    assert {d.kind for d in deliveries} == {"slash_commands", "events_api", "interactive"}
    assert len(deliveries) == 2 * len({str(d.payload) for d in deliveries})
    assert all(d.acked for d in deliveries)
    assert [d.status for d in office.log("command")] == ["ok", "ok"]
    assert len(office["ana"].ephemerals("ops")) == 2
    assert len(run.started) == len(set(run.started))
    assert (run.votes(office["ben"]), back.votes(office["cho"])) == (["approve"], ["veto"])
    before.assert_safe(run, restored=True)
    rough.tidy()


@pytest.mark.fault("two bots on one log")
def test_a_second_bot_on_one_log_goes_away_and_leaves_the_first_one_s_gate_alone(
    rough: Site, tmp_path: Path
) -> None:
    office = Office(rough, tmp_path, target=AT_ONCE)
    with office.server, office.process():
        run = office.restore()
        printed = office.printed("run")
        assert printed.splitlines()[-1] == (
            f"tsbot: Another tsbot serves with the audit log {office.audit_path}; "
            "stop that one first."
        )
        assert (run.outcome, len(run.gates), run.verdicts) == ("", 1, [])
        run.vote(office["cho"], VETO)
        assert run.ended() == "not approved"
        run.announced("> Restore of main: not approved")


@pytest.mark.fault("two bots on one database")
def test_a_second_bot_with_a_log_of_its_own_keeps_off_a_database_that_is_worked_on(
    office: Office, tmp_path: Path
) -> None:
    run = office.restore()
    other = Office(office.site, tmp_path, target=AT_ONCE)
    with other.server, other.serving():
        refused = other.ask("/restore latest main")
        assert refused.ended() == "refused"
        assert "another tsbot works on" in refused.sentence
        refused.announced("> Restore of main: refused")
    assert (refused.started, run.outcome) == ([], "")


@pytest.mark.fault("200 votes at once")
def test_200_votes_at_once_are_each_counted_once_and_only_where_they_count(
    rough: Site, tmp_path: Path
) -> None:
    office = Office(rough, tmp_path, {"quorum": 60, "grace": "1m"}, target=AT_ONCE)
    before = Before.look(office)
    with office.server, office.serving():
        crowd = Crowd(office)
        run = office.restore()
        crowd.leave()
        with ThreadPoolExecutor(40) as threads:
            list(threads.map(lambda vote: run.vote(*vote), crowd.votes()))
        run.until(lambda: run.reached, "a quorum", RESTORED_S)
        [quorum] = run.log("QuorumReached")
        counted = {person["id"] for person in quorum.detail["approvers"]}  # type: ignore[attr-defined]
        assert counted == {p.id for p in (*crowd.toned, *crowd.plain)}
        for person in (*crowd.guests, *crowd.others, *crowd.removed):
            assert (run.votes(person), len(run.answers(person))) == (["refused"], 1)
        for person in (*crowd.toned, *crowd.plain):
            assert (run.votes(person), len(run.answers(person))) == (["approve"], 1)
        run.vote(crowd.plain[0], VETO)
        assert run.ended() == "not approved"
        run.announced("> Restore of main: not approved")
    before.assert_safe(run, restored=False)


class Crowd:
    """200 people who press the button at the same moment; a quorum of 60 is among them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.toned = [office.newcomer(approver=True) for _ in range(30)]
        self.plain = [office.newcomer(approver=True) for _ in range(30)]
        self.guests = [office.newcomer(approver=True, is_restricted=True) for _ in range(30)]
        self.removed = [office.newcomer(approver=True) for _ in range(30)]
        self.others = [office.newcomer() for _ in range(80)]

    def leave(self) -> None:
        """Take some off the list again, after the request."""
        gone = {person.id for person in self.removed}
        with self.office.workspace.lock:
            group = self.office.workspace.usergroup("dba")
            group.users[:] = [user for user in group.users if user not in gone]

    def votes(self) -> Iterator[tuple[Person, str]]:
        """Yield who puts which mark."""
        for n, person in enumerate(self.toned):
            yield person, f"{APPROVE}::skin-tone-{2 + n % 5}"
        for person in (*self.guests, *self.others, *self.removed, *self.plain):
            yield person, APPROVE


@pytest.mark.fault("the audit log's disk is full at the gate")
def test_a_gate_stays_shut_while_votes_cannot_be_logged(rough: Site, tmp_path: Path) -> None:
    office = Office(rough, tmp_path, {"grace": "1s"}, target=AT_ONCE)
    before = Before.look(office)
    with office.server, office.process() as process:
        run = office.restore()
        office.until(lambda: run.log("card"), "a card")
        assert process.pid is not None
        with full(office, process.pid):
            run.vote(office["ben"])
            office.until(lambda: "Votes can't be counted now" in str(run.card().blocks), "a word")
            assert (run.votes(office["ben"]), run.reached) == ([], 0)
        run.vote(office["dan"])  # so that the gate looks now
        run.until(lambda: run.reached, "a quorum", RESTORED_S)
        assert run.votes(office["ben"]) == ["approve"]
        assert run.ended(RESTORED_S) == "succeeded", run.sentence
        run.announced("> Restore of main: succeeded")
    before.assert_safe(run, restored=True)
    rough.tidy()


@pytest.mark.fault("the audit log's disk is full from the approval on")
def test_an_approval_that_cannot_be_logged_starts_nothing_and_its_end_is_logged_later(
    rough: Site, tmp_path: Path
) -> None:
    office = Office(rough, tmp_path, {"grace": "1s"}, target=AT_ONCE)
    before = Before.look(office)
    with office.server, office.process() as process:
        run = office.restore()
        run.approve(office["ben"])
        assert process.pid is not None
        with full(office, process.pid):
            run.announced("> Restore of main: failed")
            assert (run.outcome, run.verdicts) == ("", [])
        assert run.ended() == "failed"
        assert (run.started, run.verdicts) == ([], [])
        before.assert_safe(run, restored=False)
        assert office.restore().outcome == "", "the target is free again"


@contextmanager
def full(office: Office, pid: int) -> Iterator[None]:
    """Leave no room for another entry: the system refuses to make the log's file longer."""
    log = office.audit_path.with_name("audit.db-wal")
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
