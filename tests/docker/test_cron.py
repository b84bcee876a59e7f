"""pg_cron comes back after the cut-over: once, paused until all is verified, and then at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.audit import Phase
from bot.core.cron import CronJob
from bot.core.errors import DatabaseRefused
from bot.core.plan import StepName
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample
from tests.docker.trial import BEFORE, Point, Trial
from tests.docker.tsbot import Finished, Installation, age, installed

SOURCE = "source"
TICK = "SELECT cron.schedule('tick', '1 seconds', 'INSERT INTO public.ticks VALUES (now())')"
RUN = """
INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status,
                                  return_message, start_time, end_time)
SELECT n %% 2 + 1, n, n, current_database(), 'postgres', 'SELECT 1', 'succeeded', 'done',
       now() - interval '1 hour', now() - interval '1 hour' FROM generate_series(1, %s) n
"""
JOBS = "SELECT jobid, jobname, schedule, database, active FROM cron.job ORDER BY jobid"


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("cron")) as made:
        yield made


@pytest.fixture(scope="module")
def dump(installation: Installation) -> str:
    """A dump of a database of another name, with three jobs and what they ran."""
    database = installation.database
    create_sample(database)
    with database.connect(DATABASE) as connection:
        connection.execute("CREATE TABLE public.ticks (at timestamptz)")
        connection.execute(TICK)
        connection.execute("SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM sensors')")
        connection.execute("SELECT cron.schedule('off', '* * * * *', 'SELECT 1')")
        connection.execute("UPDATE cron.job SET active = false WHERE jobname <> 'nightly'")
    cluster = PostgresCluster(database.dsn())
    cluster.allow_connections(DATABASE, False)
    cluster.terminate(DATABASE)
    cluster.rename((DATABASE, SOURCE))
    cluster.allow_connections(SOURCE, True)
    with database.connect(SOURCE) as connection:
        connection.execute("DELETE FROM cron.job_run_details")
        connection.execute("TRUNCATE public.ticks")
        connection.execute(RUN, [40])
        connection.execute("SELECT setval('cron.runid_seq', 1000)")
        connection.execute("UPDATE cron.job SET active = jobname <> 'off', database = %s", [SOURCE])
    file = age(database, take_dump(database, SOURCE))
    cluster.drop_database(SOURCE)
    return file


@pytest.fixture(scope="module")
def moved(installation: Installation, dump: str) -> Finished:
    """The dump restored into the database that pg_cron is bound to."""
    return installation.restore(dump, "--yes")


def test_the_jobs_are_there_once_with_the_databases_name_corrected_and_run_again(
    installation: Installation, moved: Finished
) -> None:
    assert moved.exit_code == 0, moved.output
    assert installation.database.rows(DATABASE, JOBS) == [
        (1, "tick", "1 seconds", DATABASE, True),
        (2, "nightly", "0 3 * * *", DATABASE, True),
        (3, "off", "* * * * *", DATABASE, False),
    ]


def test_the_log_lists_what_was_paused_and_the_same_is_armed_again(moved: Finished) -> None:
    intent = moved.entry("cut_over", Phase.INTENT).draft.detail
    outcome = moved.entry("jobs", Phase.OUTCOME).draft.detail
    assert "'cron_paused': [1, 2]" in str(intent)
    assert "'cron_rearmed': [1, 2]" in str(outcome)


def test_a_job_does_its_work_after_the_restore_and_not_before_it_was_armed(
    installation: Installation, moved: Finished
) -> None:
    jobs = moved.entry("jobs", Phase.INTENT)
    deadline = time.monotonic() + 15
    ticks: list[tuple[Any, ...]] = []
    while not ticks:
        ticks = installation.database.rows(
            DATABASE, "SELECT min(at) FROM public.ticks HAVING count(*) > 0"
        )
        assert time.monotonic() < deadline, "the job never ran"
        time.sleep(0.1)
    assert ticks[0][0] >= jobs.at


def test_what_the_jobs_ran_before_is_restored_and_numbers_go_on_after_it(
    installation: Installation, moved: Finished
) -> None:
    old = "SELECT count(*), max(runid) FROM cron.job_run_details WHERE start_time < %s"
    assert installation.database.rows(DATABASE, old, [moved.entries[0].at]) == [(40, 40)]
    [(name,)] = installation.database.rows(DATABASE, "SELECT cron.schedule('new', '@daily', 'x')")
    assert name > 3


def test_jobs_for_a_database_that_pg_cron_is_not_bound_to_are_announced(
    installation: Installation, moved: Finished, dump: str
) -> None:
    finished = installation.having(database="elsewhere").restore(dump, "--dry-run")
    assert finished.exit_code == 0, finished.output
    assert "so the dump's pg_cron is left out and its 3 jobs will not run" in " ".join(
        finished.output.split()
    )


@pytest.fixture
def live(installation: Installation, moved: Finished) -> PostgresDatabase:
    return PostgresCluster(installation.database.dsn()).database(DATABASE)


def test_loading_again_leaves_one_of_each_and_other_jobs_alone(
    installation: Installation, live: PostgresDatabase
) -> None:
    jobs = tuple(j for j in live.cron_jobs() if j.id <= 3)
    others = [j for j in live.cron_jobs() if j.id > 3]
    live.load_cron_jobs(jobs)
    live.load_cron_jobs(jobs)
    again = live.cron_jobs()
    assert [j for j in again if j.id > 3] == others
    assert [j for j in again if j.id <= 3] == list(jobs)


def test_a_row_that_does_not_fit_leaves_all_as_it_was(live: PostgresDatabase) -> None:
    before = live.cron_jobs()
    [good, bad] = [_renamed(before[0], 901), _renamed(before[0], 902)]
    bad = replace(bad, columns={**bad.columns, "no_such_column": "x"})
    with pytest.raises(DatabaseRefused):
        live.load_cron_jobs((good, bad))
    assert live.cron_jobs() == before


def _renamed(job: CronJob, number: int) -> CronJob:
    columns = {**job.columns, "jobid": str(number), "jobname": f"job {number}"}
    return replace(job, id=number, columns=columns)


def test_only_runs_up_to_a_time_are_forgotten(
    installation: Installation, live: PostgresDatabase
) -> None:
    live.forget_cron_runs(datetime.now(UTC) - timedelta(days=1))
    count = "SELECT count(*) FROM cron.job_run_details WHERE runid <= 40"
    assert installation.database.rows(DATABASE, count) == [(40,)]
    live.forget_cron_runs(datetime.now(UTC) - timedelta(minutes=30))
    assert installation.database.rows(DATABASE, count) == [(0,)]


def test_arming_a_job_that_is_gone_says_so(live: PostgresDatabase) -> None:
    assert live.set_cron_active((1, 77), True) == (1,)


def test_a_database_without_pg_cron_has_no_jobs(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    database = PostgresCluster(shared_database.dsn()).database(scratch_database)
    assert database.cron_jobs() == ()


def test_jobs_run_again_also_where_the_dump_with_their_history_is_gone_by_then(
    installation: Installation, dump: str
) -> None:
    """The last of this file: the restored database has no history."""
    path = f"/backup/{dump}"
    trial = Trial(installation, dump, "", {})
    ended = trial.run(Point(StepName.JOBS, BEFORE), lambda: trial.database.exec("rm", path))
    assert ended.happened
    assert "2 jobs of pg_cron run again, but what they ran before is not restored" in (
        ended.run.sentence
    )
    assert ended.run.outcome == "failed"
    active = [(name, runs) for _, name, _, _, runs in installation.database.rows(DATABASE, JOBS)]
    assert active == [("tick", True), ("nightly", True), ("off", False)]
