"""Launcher and schedulers: whom they serve, when they stay away, and what their jobs do."""

import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from tests.sandbox.timescaledb.restoring import Workshop
from tests.sandbox.timescaledb.stand_in import LAUNCHER, SCHEDULER, StandIn, until

OWNER = "job_owner"
CHUNKS = """
CREATE TABLE raw (ts timestamptz NOT NULL, v float8);
SELECT create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
INSERT INTO raw SELECT now() - n * interval '1 day', n FROM generate_series(0, 9) n;
"""
ACTION = """
CREATE TABLE ran (who name);
CREATE PROCEDURE act(job_id int, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ran VALUES (current_user);
    COMMIT;
    IF config ->> 'fail' = 'yes' THEN
        RAISE EXCEPTION 'no luck';
    END IF;
END $$;
"""


@pytest.fixture
def database(
    cluster: PostgresCluster, shared_database: StandIn, scratch_database: str
) -> Iterator[PostgresDatabase]:
    """A database whose tables and jobs belong to a role without powers."""
    made = cluster.database(scratch_database)
    made.create_extension("timescaledb")
    with shared_database.connect(scratch_database) as connection:
        connection.execute(f"CREATE ROLE {OWNER} LOGIN; GRANT ALL ON SCHEMA public TO {OWNER}")
    yield made
    cluster.drop_database(scratch_database)
    with shared_database.connect() as connection:
        connection.execute(f"DROP ROLE {OWNER}")


def as_owner(stand_in: StandIn, database: PostgresDatabase, script: str) -> None:
    with stand_in.connect(database.name) as connection:
        connection.execute(f"SET ROLE {OWNER}")
        connection.execute(script.encode())


def chunks(stand_in: StandIn, database: PostgresDatabase) -> int:
    [(count,)] = stand_in.rows(database.name, "SELECT count(*) FROM timescaledb_information.chunks")
    return int(count)


def test_a_database_gets_a_scheduler_when_the_extension_is_created(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    until("a scheduler", lambda: shared_database.schedules(database.name))
    assert shared_database.workers(LAUNCHER, "postgres") == 1
    assert shared_database.workers(SCHEDULER, "postgres") == 0


def test_no_worker_counts_as_a_client(
    database: PostgresDatabase, cluster: PostgresCluster, shared_database: StandIn
) -> None:
    until("a scheduler", lambda: shared_database.schedules(database.name))
    workers = [s for s in cluster.sessions() if s.application in {LAUNCHER, SCHEDULER}]
    assert len(workers) >= 2
    assert "client backend" not in {s.backend_type for s in workers}


def test_a_scheduler_steps_aside_for_a_rename_and_stays_away_until_asked(
    database: PostgresDatabase, cluster: PostgresCluster, shared_database: StandIn, side: str
) -> None:
    until("a scheduler", lambda: shared_database.schedules(database.name))
    cluster.rename((database.name, side))
    assert shared_database.workers(SCHEDULER, side) == 0
    cluster.database(side).restart_workers()
    until("a scheduler", lambda: shared_database.schedules(side))


def test_a_shut_database_has_no_scheduler_and_its_jobs_rest(
    database: PostgresDatabase, cluster: PostgresCluster, shared_database: StandIn
) -> None:
    as_owner(shared_database, database, CHUNKS)
    soon = "interval '5 days', initial_start => now() + interval '2 seconds'"
    as_owner(shared_database, database, f"SELECT add_retention_policy('raw', {soon})")
    cluster.allow_connections(database.name, False)
    until("no scheduler", lambda: not shared_database.schedules(database.name))
    time.sleep(2.5)  # it has been due for a while
    cluster.allow_connections(database.name, True)
    assert chunks(shared_database, database) == 10


def test_with_the_launcher_the_schedulers_end_and_come_back(
    database: PostgresDatabase, cluster: PostgresCluster, shared_database: StandIn
) -> None:
    until("a scheduler", lambda: shared_database.schedules(database.name))

    def pids() -> set[int]:
        return {s.pid for s in cluster.sessions() if s.application in {LAUNCHER, SCHEDULER}}

    before = pids()
    assert cluster.terminate_launcher() == 1
    until("new workers", lambda: len(pids()) >= 2 and not before & pids())
    assert shared_database.schedules(database.name)


def test_workers_wait_for_the_end_of_the_transaction_that_asks_for_them(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    database.pre_restore()
    with shared_database.connect(database.name) as connection:
        with connection.transaction():
            connection.execute("SELECT timescaledb_post_restore()")
            connection.execute("SELECT pg_sleep(0.5)")
            assert not shared_database.schedules(database.name)
        until("a scheduler", lambda: shared_database.schedules(database.name))


def test_a_retention_policy_drops_chunks_by_itself(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    as_owner(shared_database, database, CHUNKS)
    assert chunks(shared_database, database) == 10
    as_owner(shared_database, database, "SELECT add_retention_policy('raw', interval '5 days')")
    until("fewer chunks", lambda: chunks(shared_database, database) == 6)
    until("its outcome", lambda: database.jobs()[0].last_status == "Success")
    [job] = database.jobs()
    assert job.next_start is not None
    assert job.last_success is not None
    assert job.next_start > job.last_success


def test_a_job_runs_as_its_owner_and_a_failed_one_says_so(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    as_owner(shared_database, database, ACTION)
    as_owner(shared_database, database, "SELECT add_job('act', '1 hour', '{\"fail\": \"yes\"}')")
    until("its outcome", lambda: database.jobs()[0].last_status == "Failed")
    assert shared_database.rows(database.name, "SELECT who FROM ran") == [(OWNER,)]
    assert database.jobs()[0].last_success is None


def test_a_job_is_due_when_its_next_start_is_set_to_now_and_not_while_it_is_paused(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    as_owner(shared_database, database, ACTION)
    as_owner(shared_database, database, "SELECT add_job('act', '1 hour', scheduled => false)")
    now = "SELECT alter_job(1000, next_start => now(), scheduled => {})"
    as_owner(shared_database, database, now.format("false"))
    as_owner(shared_database, database, "SELECT add_job('act', '1 hour')")
    until("the second", lambda: database.jobs()[1].last_status == "Success")
    assert database.jobs()[0].last_status == ""
    as_owner(shared_database, database, now.format("true"))
    until("the first", lambda: database.jobs()[0].last_status == "Success")


def test_run_job_and_refresh_refuse_a_transaction_block(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    with shared_database.connect(database.name) as connection:
        for call in ("run_job(1)", "refresh_continuous_aggregate('pg_class', NULL, NULL)"):
            connection.execute("BEGIN")
            with pytest.raises(psycopg.Error, match="invalid transaction termination"):
                connection.execute(sql.SQL("CALL {}").format(sql.SQL(call)))
            connection.execute("ROLLBACK")
        with pytest.raises(psycopg.Error, match="job 1 not found"):
            connection.execute("CALL run_job(1)")
        with pytest.raises(psycopg.Error, match='"pg_class" is not a continuous aggregate'):
            connection.execute("CALL refresh_continuous_aggregate('pg_class', NULL, NULL)")


def test_workers_are_told_nothing_they_do_not_know(
    database: PostgresDatabase, shared_database: StandIn
) -> None:
    with pytest.raises(psycopg.Error, match="workers know no dance"):
        as_owner(shared_database, database, "SELECT timescaledb_stand_in.tell_workers('dance')")
    assert shared_database.workers(LAUNCHER, "postgres") == 1


def test_the_stand_in_says_what_it_is(database: PostgresDatabase, shared_database: StandIn) -> None:
    shown = shared_database.rows(
        database.name,
        "SELECT obj_description(oid, 'pg_extension'), current_setting('timescaledb.license')"
        " FROM pg_extension WHERE extname = 'timescaledb'",
    )
    assert shown[0][0].startswith("STAND-IN for TimescaleDB")
    assert shown[0][1] == "stand-in"
    notices: list[str] = []
    with shared_database.connect(database.name) as connection:
        connection.add_notice_handler(lambda d: notices.append(d.message_primary or ""))
        connection.execute("DROP EXTENSION timescaledb; CREATE EXTENSION timescaledb")
    assert any("stand-in for a sandbox" in notice for notice in notices)


def test_a_container_that_is_stopped_leaves_no_process(workshop: Workshop) -> None:
    stand_in = workshop.stand_in
    for number in (signal.SIGINT, signal.SIGTERM):
        assert stand_in.stop(number) == 0
        assert not stand_in.answers()
        assert not stand_in.server.stop_leftover()
        stand_in.start()


def test_a_killed_container_leaves_a_server_behind_which_the_next_start_stops(
    workshop: Workshop,
) -> None:
    stand_in = workshop.stand_in

    def started_at() -> str:
        with suppress(psycopg.OperationalError):  # one of the two is on its way
            [(when,)] = stand_in.rows("postgres", "SELECT pg_postmaster_start_time()::text")
            return str(when)
        return ""

    before = started_at()
    stand_in.kill()
    assert started_at() == before
    stand_in.start()
    until("a server of its own", lambda: started_at() > before)
    until("a launcher", lambda: stand_in.workers(LAUNCHER, "postgres") == 1)
