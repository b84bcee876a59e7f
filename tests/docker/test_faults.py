"""What goes wrong in the middle of a restore: it is undone, logged, and the applications run."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Claim, Phase
from tests.docker.containers import Containers
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.held import HELD, HOLDING, going_on
from tests.docker.proxy import running_proxy
from tests.docker.sample import DATABASE, create_sample, row_counts
from tests.docker.tsbot import Finished, Installation, Running, age, installed

# Its body names a table without its schema, and pg_restore has no search_path: a common mistake.
FAILING = """
CREATE TABLE limits AS SELECT 9 AS top;
CREATE FUNCTION within(n int) RETURNS boolean LANGUAGE plpgsql
    AS 'BEGIN RETURN n <= (SELECT top FROM limits); END';
CREATE TABLE limited (n int CHECK (within(n)));
INSERT INTO limited VALUES (1);
"""
# pg_cron's own table has no such column, so its rows cannot be restored.
BAD_CRON = """
SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM sensors');
ALTER TABLE cron.job ADD COLUMN added text;
"""


@dataclass(frozen=True)
class Live:
    """What has to be the same after a restore that failed."""

    oid: tuple[int, bool]
    databases: frozenset[str]
    rows: dict[str, int]
    running: list[bool]


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("faults")) as made:
        create_sample(made.database)
        yield made


def spoiled(installation: Installation, name: str, script: LiteralString) -> str:
    """Dump the sample with something added to it, and take that away again."""
    database = installation.database
    create_sample(database)
    with database.connect(DATABASE) as connection:
        connection.execute(script)
    file = age(database, take_dump(database, name=name))
    create_sample(database)
    return file


@pytest.fixture(scope="module")
def held(installation: Installation) -> str:
    return spoiled(installation, "held.dump", HELD)


def live(installation: Installation) -> Live:
    databases = installation.state().databases
    lives = map(installation.life, installation.applications)
    return Live(
        databases[DATABASE],
        frozenset(databases),
        row_counts(installation.database),
        [status == "running" for status, _ in lives],
    )


@contextmanager
def undone(installation: Installation) -> Iterator[None]:
    """Rows, databases and running applications are as before; the stopped ones did stop."""
    before = live(installation)
    web = installation.applications[0]
    _, started = installation.life(web)
    yield
    assert live(installation) == before
    assert before.running == [True, True, False]
    assert installation.life(web)[1] > started


def until_held(running: Running) -> None:
    """Wait until pg_restore is in the middle of the data."""
    database = running.installation.database
    running.until(lambda: database.rows("postgres", HOLDING), "pg_restore in the held table")


def give_back_claim(installation: Installation, run_id: str) -> None:
    with closing(AuditStore(installation.audit_path, SystemClock())) as store:
        store.claims.release("prod", run_id)


def assert_undone_in_the_log(finished: Finished, *, last: str, status: str) -> None:
    assert finished.exit_code == 1, finished.output
    assert finished.outcome.draft.status == status
    assert finished.statuses(last)[0] == "failed"
    assert "undone" in finished.statuses("create_database")
    assert "undone" in finished.statuses("stop_applications")
    assert not finished.statuses("cut_over")
    assert "What was begun was undone" in finished.output
    assert "Traceback" not in finished.output


@pytest.mark.fault("pg_restore fails")
def test_a_pg_restore_that_fails_half_way_is_undone(installation: Installation) -> None:
    dump = spoiled(installation, "failing.dump", FAILING)
    with undone(installation):
        finished = installation.restore(dump, "--yes")
    assert_undone_in_the_log(finished, last="pg_restore", status="failed")
    failed = finished.entry("pg_restore", Phase.OUTCOME, "failed").draft
    assert 'relation "limits" does not exist' in str(failed.detail["sentence"])
    assert 'relation "limits" does not exist' in failed.output_tail


@pytest.mark.fault("connection cut")
def test_a_pg_restore_whose_session_is_ended_is_undone(
    installation: Installation, held: str
) -> None:
    with undone(installation), installation.restoring(held, "--yes") as running:
        until_held(running)
        [(pid,)] = installation.database.rows("postgres", HOLDING)
        installation.database.rows("postgres", "SELECT pg_terminate_backend(%s)", [pid])
        finished = running.finish()
    assert_undone_in_the_log(finished, last="pg_restore", status="failed")


@pytest.mark.fault("SIGTERM")
def test_sigterm_cancels_a_restore_while_pg_restore_is_silent(
    installation: Installation, held: str
) -> None:
    with undone(installation), installation.restoring(held, "--yes") as running:
        until_held(running)
        running.terminate()
        finished = running.finish()
    assert_undone_in_the_log(finished, last="pg_restore", status="cancelled")
    assert installation.database.rows("postgres", HOLDING) == []
    assert installation.audit("verify")[0] == 0


@pytest.mark.fault("SIGINT")
def test_ctrl_c_cancels_a_restore_that_was_confirmed_on_the_terminal(
    installation: Installation, held: str
) -> None:
    with undone(installation), installation.restoring(held) as running:
        running.until_printed("Type prod to restore it")
        running.type("prod\n")
        until_held(running)
        running.type("\x03")
        finished = running.finish()
    assert finished.entry("gate", Phase.OUTCOME).draft.status == "approved"
    assert_undone_in_the_log(finished, last="pg_restore", status="cancelled")


@pytest.mark.fault("SIGHUP")
def test_a_terminal_that_closes_cancels_a_restore_and_breaks_nothing_off(
    installation: Installation, held: str
) -> None:
    with undone(installation), installation.restoring(held, "--yes") as running:
        until_held(running)
        running.process.send_signal(signal.SIGHUP)
        finished = running.finish()
    assert_undone_in_the_log(finished, last="pg_restore", status="cancelled")


@pytest.mark.fault("audit log gone")
def test_without_the_audit_log_no_further_step_begins_all_is_undone_and_logged_once_it_is_back(
    installation: Installation, held: str
) -> None:
    log, away = installation.audit_path, installation.directory / "away.db"
    with undone(installation), installation.restoring(held, "--yes") as running:
        until_held(running)
        log.rename(away)
        with going_on(installation.database):
            running.until_printed("Waiting for the audit log")
        away.rename(log)
        finished = running.finish()
    assert finished.exit_code == 1
    assert finished.outcome.draft.status == "failed"
    assert "undone" in finished.statuses("stop_applications")
    assert not finished.statuses("restoring_off")
    assert "was removed or replaced while tsbot had it open" in finished.output
    assert "What was begun was undone" in finished.output
    for owed in ("pg_restore outcome ok", "stop_applications outcome undone", "run outcome failed"):
        assert f"owed entry: {finished.run_id} {owed}" in finished.output
    assert "Turn restoring off" not in finished.output.split("owed entry")[1]
    assert installation.audit("verify")[0] == 0
    with closing(AuditStore(installation.audit_path, SystemClock())) as store:
        assert store.claims.held() == ()


@pytest.mark.fault("audit log gone")
def test_who_gives_up_waiting_for_the_audit_log_has_all_that_is_owed_on_the_screen(
    installation: Installation, held: str
) -> None:
    log, away = installation.audit_path, installation.directory / "away.db"
    with undone(installation), installation.restoring(held, "--yes") as running:
        until_held(running)
        log.rename(away)
        with going_on(installation.database):
            running.until_printed("Waiting for the audit log")
        running.type("\x03")
        code = running.process.wait(timeout=60)
        away.rename(log)
        finished = running.finish()
    assert code == 1
    assert finished.entries[-1].draft.phase is Phase.INTENT
    assert f"owed entry: {finished.run_id} run outcome failed" in finished.output
    # The claim could not be given back either; the next run would take it over.
    give_back_claim(installation, finished.run_id)


@pytest.mark.fault("dead claim")
def test_a_claim_that_a_dead_process_left_behind_passes_on(
    installation: Installation, held: str
) -> None:
    before = datetime.now(UTC) - timedelta(minutes=2)
    with closing(AuditStore(installation.audit_path, SystemClock())) as store:
        store.claims.take(Claim("prod", "dead0000", "cli:dora", before))
    assert installation.restore(held, "--dry-run").outcome.draft.status == "dry run"
    with closing(AuditStore(installation.audit_path, SystemClock())) as store:
        assert store.claims.held() == ()


@pytest.mark.fault("engine away")
def test_an_engine_that_comes_back_in_the_middle_gets_the_applications_started(
    installation: Installation, held: str, tmp_path: Path
) -> None:
    names = [installation.database.name, *(str(c.name) for c in installation.applications)]
    socket = tmp_path / "engine.sock"
    proxied = installation.having(docker=f"unix://{socket}")
    with undone(installation), ExitStack() as stack:
        with running_proxy(names, names[:1]) as first:
            socket.symlink_to(first)
            running = stack.enter_context(proxied.restoring(held, "--yes"))
            until_held(running)
        running.until_printed("FAILED")
        assert live(installation).running == [False, False, False]
        socket.unlink()
        socket.symlink_to(stack.enter_context(running_proxy(names, names[:1])))
        finished = running.finish()
    assert_undone_in_the_log(finished, last="pg_restore", status="failed")
    assert installation.database.rows("postgres", HOLDING) == []


@pytest.mark.fault("missing container")
def test_an_application_that_cannot_be_started_again_is_named_and_keeps_no_other_down(
    installation: Installation, containers: Containers, held: str
) -> None:
    lost, other = containers.application("lost"), containers.application("other")
    target = installation.having(applications=[str(lost.name), str(other.name)])
    before = live(installation)
    with target.restoring(held, "--yes") as running:
        until_held(running)
        lost.remove(force=True)
        running.terminate()
        finished = running.finish()
    assert live(installation) == before
    assert installation.life(other)[0] == "running"
    assert finished.outcome.draft.status == "failed"
    assert finished.statuses("stop_applications") == ["ok", "undo failed"]
    said = str(finished.outcome.draft.detail["sentence"])
    assert "Not everything could be undone: applications are DOWN, start them by hand" in said
    assert str(lost.name) in said
    assert str(other.name) not in said


@pytest.mark.fault("audit log gone")
def test_what_the_log_missed_is_written_once_it_is_back(
    installation: Installation, held: str
) -> None:
    log, away = installation.audit_path, installation.directory / "away.db"
    with installation.restoring(held, "--yes") as running:
        until_held(running)
        log.rename(away)
        running.terminate()
        running.until_printed("owed entry")
        away.rename(log)
        finished = running.finish()
    assert_undone_in_the_log(finished, last="pg_restore", status="cancelled")
    assert installation.audit("verify")[0] == 0


@pytest.mark.fault("failure after the cut-over")
def test_a_failure_after_the_cut_over_keeps_no_step_from_coming(
    installation: Installation,
) -> None:
    dump = spoiled(installation, "cron.dump", BAD_CRON)
    before = live(installation)
    finished = installation.restore(dump, "--yes")
    after = live(installation)
    assert finished.exit_code == 1
    assert finished.outcome.draft.status == "failed"
    assert "ecoanp is restored and serves, but: Terminate connections" in finished.output
    assert "pg_cron's jobs are not restored" in finished.output
    assert finished.statuses("cut_over") == ["failed"]
    for step in ("restart", "start_applications", "workers", "jobs", "checklist"):
        assert finished.statuses(step) == ["ok"]
    assert after.oid != before.oid
    assert (after.rows, after.running) == (before.rows, before.running)
    assert installation.sides() == []
