"""Sessions seen, marked and ended, and locks."""

import secrets
from contextlib import ExitStack, suppress

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
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
