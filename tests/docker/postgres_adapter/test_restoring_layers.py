"""timescaledb.restoring left on at each layer: found, named, kept from looking green, and cured
by the remedy that is shown. Each layer on a real server, the file and the command line too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.models import Check, Container, ContainerRef, Target, Verdict
from bot.core.points import checklist
from bot.core.restoring import remedy
from bot.core.status import Status
from bot.core.worker_ladder import Ladder
from tests.docker.containers import DatabaseContainer

FILE = "postgresql.conf"
LAYERS = ("database", "role", "all roles", "database and role", "system", "file")


@pytest.fixture
def database(cluster: PostgresCluster, scratch_database: str) -> PostgresDatabase:
    made = cluster.database(scratch_database)
    made.create_extension("timescaledb")
    return made


def first_point(database: PostgresDatabase) -> Check:
    target = Target("x", database.name, ContainerRef("db"), "/b")
    container = Container("c", "db", "image", running=True)
    seen = database.restoring(), database.restoring_layers()
    status = Status(
        target, datetime.now(UTC), container, restoring=seen[0], layers=seen[1], workers=()
    )
    return checklist(status)[0]


def until(condition: Callable[[], object]) -> None:
    clock = SystemClock()
    for _ in range(100):
        if condition():
            return
        clock.wait(0.05)
    raise AssertionError("it did not come to pass")


@pytest.fixture
def left_on(
    shared_database: DatabaseContainer, database: PostgresDatabase, role: str
) -> Iterator[Callable[[str], None]]:
    """Turns restoring on at one layer; whatever it is, it is off again after the test."""
    names = {"db": sql.Identifier(database.name), "role": sql.Identifier(role)}
    [(conf,)] = shared_database.rows("postgres", "SHOW config_file")
    statements = {
        "database": "ALTER DATABASE {db} SET timescaledb.restoring = on",
        "role": "ALTER ROLE {role} SET timescaledb.restoring = on",
        "all roles": "ALTER ROLE ALL SET timescaledb.restoring = on",
        "database and role": "ALTER ROLE {role} IN DATABASE {db} SET timescaledb.restoring = on",
        "system": "ALTER SYSTEM SET timescaledb.restoring = on",
    }

    def turn_on(layer: str) -> None:
        if layer == "file":
            shared_database.exec("sh", "-c", f"echo 'timescaledb.restoring = on' >> {conf}")
            return reload(connection)
        connection.execute(sql.SQL(statements[layer]).format(**names))
        return reload(connection) if layer == "system" else None

    with shared_database.connect() as connection:
        yield turn_on
        shared_database.exec("sed", "-i", "/^timescaledb.restoring/d", conf)
        connection.execute("ALTER ROLE ALL RESET timescaledb.restoring")
        connection.execute("ALTER SYSTEM RESET timescaledb.restoring")
        reload(connection)
        until(lambda: database.restoring_layers() == () or not _is_global(database))


def _is_global(database: PostgresDatabase) -> bool:
    return any(layer.where in {"system", "file"} for layer in database.restoring_layers())


def reload(connection: psycopg.Connection) -> None:
    connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("layer", LAYERS)
def test_restoring_left_on_is_found_named_and_cured_by_the_remedy_shown(
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
    left_on: Callable[[str], None],
    layer: str,
) -> None:
    assert first_point(database).verdict is Verdict.OK
    left_on(layer)
    until(lambda: any(each.on for each in database.restoring_layers()))
    [found] = [each for each in database.restoring_layers() if each.on]
    point = first_point(database)
    assert point.verdict is Verdict.FAILED
    assert f"{found.where} {found.detail}" in point.evidence
    assert layer in f"{found.where} {found.detail}"
    cure = remedy(found, database.name)
    assert cure in point.remedy
    if layer == "file":
        path, _, line = found.detail.rpartition(":")
        assert cure.startswith(f"take it out of {path}:{line}")
        shared_database.exec("sed", "-i", f"{line}d", path)
        cure = "SELECT pg_reload_conf()"
    with shared_database.connect() as connection:
        for statement in cure.replace(", then ", ";").split(";"):
            connection.execute(statement.encode())
    until(lambda: first_point(database).verdict is Verdict.OK)


def test_the_ladder_climbs_nothing_while_restoring_is_on_for_all_and_says_where(
    cluster: PostgresCluster, database: PostgresDatabase, left_on: Callable[[str], None]
) -> None:
    ladder = Ladder(database, cluster, SystemClock())
    left_on("role")
    assert ladder.blocked() == ""
    left_on("database")
    assert ladder.blocked().startswith(
        f"timescaledb.restoring is on in database {database.name}, so no worker starts: ALTER DATA"
    )
