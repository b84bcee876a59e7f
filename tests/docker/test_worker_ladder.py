"""The ladder on a real server: each rung is taken for a reason that is real, and leaves evidence.

What takes PostgreSQL a minute, a launcher that comes back by itself, is not waited for here: the
rung after it is taken instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.errors import DatabaseRefused
from bot.core.worker_ladder import LAUNCHER, SCHEDULER, Ladder, Rung
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.environment import Prepared

END = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE application_name = %s AND (datname = %s OR datname IS NULL OR %s = '')
"""


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Iterator[DatabaseContainer]:
    containers: Containers = prepared.containers.of_test()
    try:
        yield containers.database("ladder", database="ours")
    finally:
        containers.close()


@pytest.fixture
def cluster(server: DatabaseContainer) -> PostgresCluster:
    return PostgresCluster(server.dsn())


@pytest.fixture
def ours(cluster: PostgresCluster) -> PostgresDatabase:
    """A database whose scheduler runs."""
    made = cluster.database("ours")
    made.create_extension("timescaledb")
    ladder = Ladder(made, cluster, SystemClock())
    made.restart_workers()
    assert ladder.wait(10), ladder.look()
    return made


@pytest.fixture
def ladder(ours: PostgresDatabase, cluster: PostgresCluster) -> Ladder:
    return Ladder(ours, cluster, SystemClock())


def end(server: DatabaseContainer, application: str, database: str = "") -> None:
    server.rows("postgres", END, [application, database, database])


def asking(database: PostgresDatabase, patience: float = 10) -> Rung:
    return Rung("ask", database.restart_workers, patience, through_launcher=True)


def test_a_scheduler_that_ended_stays_away_until_the_first_rung_asks_for_it(
    server: DatabaseContainer, ladder: Ladder, ours: PostgresDatabase
) -> None:
    end(server, SCHEDULER, "ours")
    assert not ladder.wait(1)
    [climbed] = ladder.climb([asking(ours), asking(ours)])
    assert (climbed.before, climbed.means) == ("no scheduler for ours", "ask")
    assert climbed.after == str(ladder.look())
    assert climbed.after.startswith("launcher pid ")
    assert 0 < climbed.seconds < 10


def test_the_scheduler_of_another_database_is_not_ours(
    server: DatabaseContainer, ladder: Ladder, cluster: PostgresCluster
) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE other TEMPLATE template0"))
    other = cluster.database("other")
    other.create_extension("timescaledb")
    other.restart_workers()
    assert Ladder(other, cluster, SystemClock()).wait(10)
    end(server, SCHEDULER, "ours")
    seen = ladder.look()
    assert (seen.complete, str(seen)) == (False, "no scheduler for ours")
    cluster.drop_database("other")


def test_a_rung_that_is_refused_or_does_not_help_is_evidence_and_the_next_one_is_taken(
    server: DatabaseContainer, ladder: Ladder, ours: PostgresDatabase
) -> None:
    def refuse() -> None:
        raise DatabaseRefused("not today")

    shown: list[str] = []
    telling = Ladder(ladder.database, ladder.cluster, ladder.clock, shown.append)
    end(server, SCHEDULER, "ours")
    climbed = telling.climb([Rung("refuse", refuse, 0), Rung("idle", int, 0.3), asking(ours)])
    assert [c.means for c in climbed] == ["refuse", "idle", "ask"]
    assert climbed[0].after == "not today; no scheduler for ours"
    assert climbed[1].before == climbed[1].after == "no scheduler for ours"
    assert climbed[2].after.startswith("launcher pid ")
    assert shown[1:] == ["no scheduler for ours: idle", "no scheduler for ours: ask"]


def test_without_a_launcher_nobody_is_asked_and_a_restart_brings_both_back(
    server: DatabaseContainer, ladder: Ladder, cluster: PostgresCluster, ours: PostgresDatabase
) -> None:
    end(server, LAUNCHER)

    def restart() -> None:
        cluster.checkpoint()
        server.container.restart(timeout=30)
        server.wait_until_ready()

    assert ladder.look().launcher is None
    last = Rung("restart PostgreSQL", restart, 20)
    climbed = ladder.climb([asking(ours), Rung("wait for the launcher", int, 0.3), last])
    assert [c.means for c in climbed] == ["wait for the launcher", "restart PostgreSQL"]
    assert climbed[0].before == "no launcher"
    assert climbed[-1].after.startswith("launcher pid ")
