"""The classic failure: a restore by hand that ends well and leaves the aggregates dead. /repair.

Community edition only: the image that TSBOT_TEST_IMAGE names says which version.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from psycopg import sql

from bot.core.plan import StepName
from bot.core.worker_ladder import SCHEDULER
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import (
    DATABASE,
    OWNER,
    Size,
    background_workers_stopped,
    chunk_count,
    create_sample,
    create_views,
)
from tests.docker.tsbot import Finished, Installation, installed

pytestmark = pytest.mark.community

CHUNKS = 8
LATE = 101
REFRESHED_WITHIN_S = 120


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("repair")) as made:
        names = [app.name for app in made.applications if app.name and "idle" not in app.name]
        yield made.having(applications=names)


@pytest.fixture(scope="module")
def repaired(installation: Installation) -> Finished:
    """Restore by hand, forget the last step, and repair; the dump holds a row yet to refresh."""
    database = installation.database
    create_sample(database, size=Size(chunks=CHUNKS, rows=4_000))
    with background_workers_stopped(database):
        create_views(database, retention="3 days")
        with database.connect(DATABASE) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
            connection.execute(
                "INSERT INTO influx_data VALUES (now() - interval '5 days', %s, 1, 'late')", [LATE]
            )
        dump = take_dump(database)
    with database.connect() as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0".encode())
    with database.connect(DATABASE) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("SELECT timescaledb_pre_restore()")
    database.exec("pg_restore", "-U", "postgres", "-d", DATABASE, dump)
    assert not schedulers(installation)
    assert late_sensors(installation) == set()
    assert chunk_count(database) == CHUNKS
    return installation.repair()


def schedulers(installation: Installation) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = %s"
    rows = installation.database.rows("postgres", query, [SCHEDULER, DATABASE])
    return [pid for (pid,) in rows]


def late_sensors(installation: Installation) -> set[int]:
    query = "SELECT DISTINCT sensor_id FROM influx_agg_1m WHERE sensor_id = %s"
    return {sensor for (sensor,) in installation.database.rows(DATABASE, query, [LATE])}


def retention_scheduled(installation: Installation) -> bool:
    query = (
        "SELECT scheduled FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    )
    [(scheduled,)] = installation.database.rows(DATABASE, query)
    return bool(scheduled)


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + REFRESHED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.5)


def test_a_restore_by_hand_with_restoring_left_on_is_repaired_without_approval(
    installation: Installation, repaired: Finished
) -> None:
    assert repaired.exit_code == 0, repaired.output
    assert repaired.statuses("gate") == []
    begun = [
        step.value
        for step in (
            StepName.REPAIR_RETENTION,
            StepName.REPAIR_RESTORING,
            StepName.REPAIR_WORKERS,
            StepName.CHECKLIST,
        )
    ]
    assert [name for name in begun if repaired.statuses(name) == ["ok"]] == begun
    assert schedulers(installation)


def test_a_view_refreshes_by_itself_afterwards(
    installation: Installation, repaired: Finished
) -> None:
    assert repaired.exit_code == 0, repaired.output
    eventually(lambda: late_sensors(installation) == {LATE})


def test_retention_is_held_back_before_it_eats_what_was_restored(
    installation: Installation, repaired: Finished
) -> None:
    assert repaired.exit_code == 0, repaired.output
    assert not retention_scheduled(installation)
    assert chunk_count(installation.database) == CHUNKS
    assert "retention" in str(repaired.outcome.draft.detail["sentence"])


def test_a_job_whose_owner_may_not_log_in_is_named_with_who_could_have_it(
    installation: Installation, repaired: Finished
) -> None:
    assert repaired.exit_code == 0, repaired.output
    with installation.database.connect() as connection:
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(OWNER)))
        try:
            again = installation.repair()
        finally:
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(OWNER)))
    assert again.outcome.draft.status == "unverified"
    assert f"its owner {OWNER} may not log in" in str(again.outcome.draft.detail["sentence"])


def test_a_second_repair_names_the_run_that_paused_retention_and_arms_nothing(
    installation: Installation, repaired: Finished
) -> None:
    again = installation.repair()
    assert again.exit_code == 0, again.output
    assert f"left paused by run {repaired.run_id}" in str(again.outcome.draft.detail["sentence"])
    assert not retention_scheduled(installation)
