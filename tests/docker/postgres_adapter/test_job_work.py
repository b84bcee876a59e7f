"""What policies have to do, and making a job due: on policies that are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.errors import DatabaseRefused
from bot.core.jobs import Job, JobWork
from tests.docker.containers import DatabaseContainer

pytestmark = pytest.mark.community

OWNER = "job_owner"
LATER = "initial_start => now() + interval '1 day'"
SETUP = f"""
CREATE SCHEMA ops AUTHORIZATION {OWNER};
SET ROLE {OWNER};
CREATE TABLE ops.raw (ts timestamptz NOT NULL, v float8);
SELECT public.create_hypertable('ops.raw', 'ts', chunk_time_interval => interval '1 day');
INSERT INTO ops.raw
    SELECT t, 1 FROM generate_series(now() - interval '4 days', now(), interval '10 min') t;
CREATE TABLE ops.counted (n int NOT NULL);
SELECT public.create_hypertable('ops.counted', 'n', chunk_time_interval => 10);
INSERT INTO ops.counted SELECT generate_series(1, 50);
CREATE FUNCTION ops.count_now() RETURNS int LANGUAGE sql STABLE AS 'SELECT 100';
SELECT public.set_integer_now_func('ops.counted', 'ops.count_now');
CREATE TABLE ops.checked (who text);
CREATE FUNCTION ops.check_it(config jsonb) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO ops.checked VALUES (current_user) $$;
CREATE PROCEDURE ops.fail(job_id int, config jsonb) LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'no luck' USING DETAIL = 'row 4711', HINT = 'no hint'; END $$;
"""
VIEW = """
CREATE MATERIALIZED VIEW ops.{name} WITH (timescaledb.continuous) AS
    SELECT public.time_bucket('{bucket}', {time}) AS b, sum(v) AS v FROM ops.{source} GROUP BY 1
    WITH NO DATA
"""
POLICIES = f"""
SELECT public.add_continuous_aggregate_policy('ops.hour', '3 days', '1 hour', '1 hour', {LATER});
SELECT public.add_continuous_aggregate_policy('ops.day', '60 days', '1 hour', '1 hour', {LATER});
ALTER TABLE ops.raw SET (timescaledb.compress);
SELECT public.add_compression_policy('ops.raw', interval '2 days 1 hour', {LATER});
SELECT public.add_retention_policy('ops.raw', interval '3 days 1 hour', {LATER});
SELECT public.add_retention_policy('ops.counted', 20, {LATER});
SELECT public.add_job('ops.fail', '1 day', check_config => 'ops.check_it', {LATER});
"""


@pytest.fixture
def database(
    cluster: PostgresCluster, shared_database: DatabaseContainer, scratch_database: str
) -> Iterator[PostgresDatabase]:
    made = cluster.database(scratch_database)
    made.create_extension("timescaledb")
    with shared_database.connect(scratch_database) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {OWNER}; CREATE ROLE {OWNER} LOGIN")
        connection.execute(SETUP)
        connection.execute(VIEW.format(name="hour", bucket="1 hour", time="ts", source="raw"))
        connection.execute(VIEW.format(name="day", bucket="1 day", time="b", source="hour"))
        for name in ("hour", "day"):
            connection.execute(
                f"CALL public.refresh_continuous_aggregate('ops.{name}', NULL, NULL)"
            )
        connection.execute(POLICIES)
    yield made
    cluster.drop_database(scratch_database)
    with shared_database.connect() as connection:
        connection.execute(f"DROP ROLE {OWNER}")


def jobs(database: PostgresDatabase) -> dict[str, Job]:
    """The jobs by a name of their own."""
    listed = [job for job in database.jobs() if job.id >= 1000]
    names = ("hour", "day", "compression", "retention", "by number", "fail")
    return dict(zip(names, sorted(listed, key=lambda job: job.id), strict=True))


def work(database: PostgresDatabase, name: str) -> JobWork:
    number = jobs(database)[name].id
    return database.job_work([number])[number]


def execute(shared: DatabaseContainer, database: PostgresDatabase, statement: str) -> None:
    with shared.connect(database.name) as connection:
        connection.execute(statement.encode())


def until(condition: Callable[[], object]) -> None:
    clock = SystemClock()
    for _ in range(200):
        if condition():
            return
        clock.wait(0.1)
    raise AssertionError("it did not come to pass")


def test_a_late_row_is_work_for_the_view_until_it_is_refreshed(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    clean = work(database, "hour")
    assert clean.due == frozenset()
    execute(shared_database, database, "INSERT INTO ops.raw VALUES (now() - interval '2 days', 9)")
    late = work(database, "hour")
    assert (len(late.due), late.mark) == (1, clean.mark)
    [hour] = [view for view in database.continuous_aggregates() if view.name == "hour"]
    database.refresh(hour, None, None)
    until(lambda: work(database, "hour").written > late.written)
    assert work(database, "hour").due == frozenset()


def test_a_late_row_outside_the_policys_window_is_no_work_of_its(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    for age in ("80 hours", "5 minutes"):  # in one statement they would be one range
        insert = f"INSERT INTO ops.raw VALUES (now() - interval '{age}', 9)"
        execute(shared_database, database, insert)
    assert work(database, "hour").due == frozenset()


def test_chunks_beyond_the_limit_are_work_for_compression_and_retention(
    database: PostgresDatabase,
) -> None:
    compression, retention = work(database, "compression"), work(database, "retention")
    assert retention.due
    assert retention.due < compression.due
    assert all(low < high for low, high in compression.due)


def test_what_counts_by_number_and_what_is_nobodys_policy_is_left_out(
    database: PostgresDatabase,
) -> None:
    known = jobs(database)
    assert set(database.job_work([job.id for job in known.values()])) == {
        known[name].id for name in ("hour", "day", "compression", "retention")
    }
    assert database.job_work([]) == {}


def test_jobs_made_due_are_run_as_their_owner_also_on_a_view_on_a_view(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    before = work(database, "compression")
    assert [job.runs for job in jobs(database).values()] == [0] * 6
    kicked = ("day", "compression", "fail")
    for name in kicked:
        database.kick(jobs(database)[name].id)
    until(lambda: all(jobs(database)[name].last_status for name in kicked))
    after = jobs(database)
    assert [after[name].failed for name in kicked] == [False, False, True]
    assert [after[name].runs for name in after] == [0, 1, 1, 0, 0, 1]
    assert after["fail"].error == "no luck"
    assert after["day"].started is not None
    assert before.due
    assert work(database, "compression").due == frozenset()
    who = shared_database.rows(database.name, "SELECT DISTINCT who FROM ops.checked")
    assert who == [(OWNER,)]  # by add_job alone, or as the owner: never as superuser


def test_a_job_that_never_ran_is_made_due_too_and_an_unknown_one_is_refused(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    execute(shared_database, database, "DELETE FROM _timescaledb_internal.bgw_job_stat")
    number = jobs(database)["hour"].id
    database.kick(number)
    until(lambda: jobs(database)["hour"].runs)
    with pytest.raises(DatabaseRefused, match="there is no job 4711"):
        database.kick(4711)
