"""The bot is killed at a gate and started again: a real process, on the same log and workspace."""

from __future__ import annotations

from pathlib import Path

from bot.adapters.postgres.advisory import lock_key
from tests.docker.sample import DATABASE
from tests.scenarios.aftermath import Before
from tests.scenarios.office import AT_ONCE, Office
from tests.scenarios.run import RESTORED_S, VETO, WITHIN_S
from tests.scenarios.site import Site


def test_a_gate_outlives_the_process_and_votes_count_afterwards(site: Site, tmp_path: Path) -> None:
    office = Office(site, tmp_path, {"quorum": 2}, target=AT_ONCE)
    with office.server:
        with office.process():
            run = office.restore()
            office.until(lambda: run.log("card"), "a card")
            run.refused(office["dan"])
            run.vote(office["ben"])
            run.until(lambda: run.votes(office["ben"]), "a vote")
        gate, opened = run.gate.ts, run.log("gate")
        with office.process():
            run.vote(office["cho"])
            run.until(lambda: run.reached, "a quorum")
            run.vote(office["ben"], VETO)
            assert run.ended() == "not approved"
    assert (run.gate.ts, run.log("gate")[:1]) == (gate, opened)
    assert run.verdicts == ["vetoed"]
    assert (run.votes(office["dan"]), len(run.answers(office["dan"]))) == (["refused"], 1)
    assert len(run.log("card")) == 1
    assert run.started == []


def test_a_bot_told_to_stop_leaves_its_gate_and_counts_votes_made_meanwhile(
    site: Site, tmp_path: Path
) -> None:
    office = Office(site, tmp_path, target=AT_ONCE)
    with office.server:
        with office.process() as process:
            run = office.restore()
            process.terminate()
            process.join(WITHIN_S)
            assert process.exitcode == 0
        assert (run.outcome, run.verdicts) == ("", [])
        run.vote(office["ben"])
        with office.process():
            run.until(lambda: run.reached, "a quorum")
            run.vote(office["cho"], VETO)
            assert run.ended() == "not approved"


def test_a_bot_told_to_stop_in_the_grace_does_not_begin_what_it_would_break_off(
    rough: Site, tmp_path: Path
) -> None:
    office = Office(rough, tmp_path, {"grace": "1s"}, target=AT_ONCE)
    before = Before.look(office)
    with office.server:
        with office.process() as process:
            run = office.restore()
            run.approve()
            process.terminate()
            process.join(WITHIN_S)
            assert process.exitcode == 0
        assert (run.outcome, run.verdicts, run.started) == ("", [], [])
        with office.process():
            assert run.ended(RESTORED_S) == "succeeded", run.sentence
    before.assert_safe(run, restored=True)
    rough.tidy()


def test_a_gate_waits_for_the_lock_that_the_server_keeps_of_a_host_that_is_gone(
    site: Site, tmp_path: Path
) -> None:
    office = Office(site, tmp_path, target=AT_ONCE)
    with office.server, site.database.connect() as ghost:
        with office.process():
            run = office.restore()
        ghost.execute("SELECT pg_advisory_lock(%s)", [lock_key(f"tsbot:{DATABASE}")])
        with office.process():
            assert (run.outcome, run.verdicts) == ("", [])
            ghost.execute("SELECT pg_advisory_unlock_all()")
            run.vote(office["ben"], VETO)
            assert run.ended() == "not approved"
    assert run.verdicts == ["vetoed"]


def test_a_gate_that_expired_while_the_bot_was_away_stays_shut(site: Site, tmp_path: Path) -> None:
    office = Office(site, tmp_path, {"timeout": "2s"}, target=AT_ONCE)
    with office.server:
        with office.process():
            run = office.restore()
        expires = run.log("gate")[0].detail["notice"]
        with office.process():
            assert run.ended() == "not approved"
    assert run.verdicts == ["expired"]
    assert run.log("gate")[0].detail["notice"] == expires


def test_a_gate_whose_dump_changed_while_the_bot_was_away_is_void(
    site: Site, tmp_path: Path
) -> None:
    office = Office(site, tmp_path, target=AT_ONCE)
    with office.server:
        with office.process():
            run = office.restore(site.dump("away.dump"))
        first = run.gate
        run.vote(office["ben"])
        site.shell("pg_dump -U postgres -Fc -s -f /backup/away.dump postgres")
        site.shell("touch -d '1 hour ago' /backup/away.dump")
        with office.process():
            run.until(lambda: len(run.gates) == 2, "a second gate")
            run.refused(office["dan"])
            assert (run.verdicts, run.reached) == (["voided"], 0)
            run.closed("voided", first)
