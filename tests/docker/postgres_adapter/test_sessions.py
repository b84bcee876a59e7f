"""Sessions seen, marked and ended, and locks."""

import secrets
import threading
import time
from contextlib import ExitStack, suppress
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
from bot.adapters.postgres.advisory import lock_key
from bot.core.errors import DatabaseRefused
from bot.core.worker_ladder import SCHEDULER, workers_of
from tests.docker.containers import DatabaseContainer


def test_a_database_can_be_renamed_as_soon_as_its_sessions_are_ended(
    cluster: PostgresCluster, shared_database: DatabaseContainer, scratch_database: str, side: str
) -> None:
    with suppress(psycopg.OperationalError), shared_database.connect(scratch_database):
        assert cluster.terminate(scratch_database) == 1
        cluster.rename((scratch_database, side))
    assert cluster.find_database(side) is not None


def test_many_sessions_end_together(
    cluster: PostgresCluster, shared_database: DatabaseContainer, scratch_database: str
) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(suppress(psycopg.OperationalError))
            stack.enter_context(shared_database.connect(scratch_database))
        assert len(cluster.sessions(scratch_database)) == 10
        assert cluster.terminate(scratch_database) == 10
        assert cluster.sessions(scratch_database) == ()


def test_a_marked_session_is_seen_from_inside_the_container_while_it_lasts(
    cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    mark = f"tsbot-{secrets.token_hex(8)}"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{mark}'"
    argv = ("psql", "-XAtq", "-U", "postgres", "-c", query)
    with cluster.marked_session(mark):
        assert shared_database.exec(*argv) == (0, "1\n")
        [session] = [s for s in cluster.sessions() if s.application == mark]
        assert (session.database, session.user) == ("postgres", "postgres")
        assert session.backend_type == "client backend"
        assert session.client
    assert cluster.terminate_application(mark) == 0


def test_our_own_sessions_are_not_listed(cluster: PostgresCluster) -> None:
    with cluster.advisory_lock(secrets.token_hex(4)):
        assert [s for s in cluster.sessions() if s.application == "tsbot"] == []


def test_a_lock_is_held_by_one_and_free_again_afterwards(
    cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    another = PostgresCluster(shared_database.dsn())
    key = secrets.token_hex(4)
    with cluster.advisory_lock(key):
        with pytest.raises(DatabaseRefused, match=key), another.advisory_lock(key):
            pass
        with another.advisory_lock(key + "x"):
            pass
    with another.advisory_lock(key):
        pass


def test_a_lock_given_back_can_be_taken_in_the_same_moment(cluster: PostgresCluster) -> None:
    key = secrets.token_hex(4)
    for _ in range(50):
        with cluster.advisory_lock(key):
            pass


def test_leaving_a_lock_whose_connection_is_gone_is_quiet(
    shared_database: DatabaseContainer, cluster: PostgresCluster
) -> None:
    name = f"lock-{secrets.token_hex(4)}"
    holder = PostgresCluster(shared_database.dsn(), application_name=name)
    with holder.advisory_lock(name):
        assert cluster.terminate_application(name) == 1
    with cluster.advisory_lock(name):
        pass


@pytest.fixture
def ordinary(shared_database: DatabaseContainer, scratch_database: str, role: str) -> str:
    """The DSN of somebody who may log in and is no superuser."""
    with shared_database.connect() as connection:
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        password = sql.Literal(shared_database.password)
        connection.execute(login.format(sql.Identifier(role), password))
    return shared_database.dsn(scratch_database, user=role)


def test_who_only_calls_itself_tsbot_is_counted_among_the_clients(
    cluster: PostgresCluster,
    shared_database: DatabaseContainer,
    scratch_database: str,
    ordinary: str,
    role: str,
) -> None:
    with psycopg.connect(ordinary, application_name="tsbot-like"):
        assert [c.user for c in cluster.clients() if c.database == scratch_database] == [role]
    ours = shared_database.dsn(scratch_database)
    with psycopg.connect(ours, application_name="tsbot-restore-0a0b0c0d"):
        assert [c for c in cluster.clients() if c.application.startswith("tsbot-restore")] == []


def test_a_client_that_calls_itself_the_scheduler_is_none(
    cluster: PostgresCluster, scratch_database: str, ordinary: str
) -> None:
    with psycopg.connect(ordinary, application_name=SCHEDULER):
        found = cluster.sessions(scratch_database)
        assert [s.application for s in found] == [f"client {SCHEDULER}"]
        assert workers_of(scratch_database, found).scheduler is None


def test_whoever_is_no_superuser_does_not_keep_us_from_a_lock_by_holding_it_or_queueing_for_it(
    cluster: PostgresCluster, shared_database: DatabaseContainer, ordinary: str
) -> None:
    key, ours = secrets.token_hex(4), shared_database.dsn()
    with ExitStack() as stack:
        user = psycopg.conninfo.conninfo_to_dict(ordinary)["user"]
        intruders = [
            stack.enter_context(psycopg.connect(shared_database.dsn(user=str(user))))
            for _ in range(2)
        ]
        for intruder in intruders:
            intruder.autocommit = True
        intruders[0].execute("SELECT pg_advisory_lock(%s)", [lock_key(key)])
        queueing = threading.Thread(target=_queue, args=(intruders[1], key))
        queueing.start()
        with psycopg.connect(ours, autocommit=True) as looking:
            _wait_for(looking, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 2)
        with cluster.advisory_lock(key):
            queueing.join()
        for intruder in intruders:
            with pytest.raises(psycopg.OperationalError):
                intruder.execute("SELECT 1")


def _queue(connection: psycopg.Connection, key: str) -> None:
    with suppress(psycopg.OperationalError):
        connection.execute("SELECT pg_advisory_lock(%s)", [lock_key(key)])


def _wait_for(connection: psycopg.Connection, count: LiteralString, at_least: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        row = connection.execute(count).fetchone()
        if row is not None and row[0] >= at_least:
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_waits_for_a_lock_gets_it_when_it_is_given_back(
    cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    key, another = secrets.token_hex(4), PostgresCluster(shared_database.dsn())
    with ExitStack() as stack:
        stack.enter_context(cluster.advisory_lock(key))
        timer = threading.Timer(0.5, stack.close)
        timer.start()
        with another.advisory_lock(key, wait=10):
            timer.join()


def test_who_does_not_get_a_lock_is_told_who_holds_it(
    cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    key = secrets.token_hex(4)
    another = PostgresCluster(shared_database.dsn(), application_name="tsbot-elsewhere")
    with (
        another.advisory_lock(key),
        pytest.raises(DatabaseRefused, match="is held by tsbot-elsewhere of postgres from"),
        cluster.advisory_lock(key),
    ):
        pass


def test_the_server_does_not_keep_the_lock_of_a_host_that_lost_its_power(
    cluster: PostgresCluster,
) -> None:
    with cluster._connector.session() as connection:
        assert connection.execute("SHOW tcp_keepalives_idle").fetchone() == ("30",)
