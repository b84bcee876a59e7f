"""A restore with continuous aggregates and policies: nothing is eaten, and refreshing goes on.

Community edition only: the image that TSBOT_TEST_IMAGE names says which version.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
from bot.core.audit import Phase
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import (
    DATABASE,
    OWNER,
    VIEWS,
    Size,
    background_workers_stopped,
    chunk_count,
    create_sample,
    create_views,
    row_counts,
)
from tests.docker.tsbot import Finished, Installation, age, installed

pytestmark = pytest.mark.community

SIZE = Size(chunks=14, rows=20_000)
RETENTION = "3 days"
REFRESHED_WITHIN_S = 150  # the first view's policy runs each minute
FIRST_SENSOR = 101
JOBS = """
SELECT j.job_id, j.proc_name, j.scheduled, coalesce(s.total_runs, 0), s.last_run_status
  FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id)
 WHERE j.proc_name LIKE 'policy_%%' AND j.job_id >= 1000 ORDER BY j.job_id
"""


@dataclass(frozen=True)
class Restored:
    """One restore, and what its dump was made of."""

    dump: str
    rows: dict[str, int]
    finished: Finished


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("community")) as made:
        yield made


@pytest.fixture(scope="module")
def restored(installation: Installation) -> Restored:
    """The guide's four views, each with something left to do for its policy, dumped and restored.

    The retention policy would drop most of the data at its first run.
    """
    database = installation.database
    create_sample(database, size=SIZE)
    with background_workers_stopped(database):
        create_views(database, retention=RETENTION)
        _leave_work_for_each_view(database)
        for position, view in enumerate(VIEWS):
            assert FIRST_SENSOR + position not in sensors(database, view.name)
        rows = row_counts(database)
        dump = age(database, take_dump(database))
        assert chunk_count(database) == SIZE.chunks
        # Whatever is there afterwards has come out of the dump.
        with database.connect(DATABASE) as connection:
            connection.execute("TRUNCATE influx_data; DROP TABLE sensors")
    return Restored(dump, rows, installation.restore(dump, "--yes"))


def _leave_work_for_each_view(database: DatabaseContainer) -> None:
    """Insert a sensor for each view, ten days back, refreshed by hand in the views below it only.

    So each policy has work of its own to do, whichever of them runs first.
    """
    with database.connect(DATABASE) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        for above, _ in reversed(list(enumerate(VIEWS))):
            connection.execute(
                "INSERT INTO influx_data VALUES (now() - interval '10 days', %s, 1, 'late')",
                [FIRST_SENSOR + above],
            )
            for view in VIEWS[:above]:
                _refresh(connection, view.name)


def _refresh(connection: psycopg.Connection, view: str) -> None:
    connection.execute("CALL public.refresh_continuous_aggregate(%s, NULL, NULL)", [view])


def sensors(database: DatabaseContainer, view: str) -> set[int]:
    """The late sensors that a view holds, materialized."""
    query = sql.SQL("SELECT DISTINCT sensor_id FROM {} WHERE sensor_id >= %s")
    with database.connect(DATABASE) as connection:
        [(only,)] = connection.execute(
            "SELECT materialized_only FROM timescaledb_information.continuous_aggregates"
            " WHERE view_name = %s",
            [view],
        ).fetchall()
        assert only, f"{view} answers from the raw rows as well, so it would prove nothing"
        found = connection.execute(query.format(sql.Identifier(view)), [FIRST_SENSOR]).fetchall()
    return {sensor for (sensor,) in found}


def policies(database: DatabaseContainer, procedure: str) -> dict[int, tuple[bool, int]]:
    """Whether each policy is scheduled, and how often it has run, by its id."""
    rows = database.rows(DATABASE, JOBS)
    return {number: (on, runs) for number, name, on, runs, _ in rows if name == procedure}


def eventually(condition: Callable[[], object], within: float = REFRESHED_WITHIN_S) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.5)


def test_the_five_points_are_green_and_every_row_and_chunk_is_there(
    installation: Installation, restored: Restored
) -> None:
    assert restored.finished.exit_code == 0, restored.finished.output
    assert restored.finished.outcome.draft.status == "succeeded"
    detail = restored.finished.entry("checklist_checks", Phase.NOTE).draft.detail
    assert isinstance(detail["checks"], list)
    assert [check["verdict"] for check in detail["checks"]] == ["ok"] * 5, detail
    assert chunk_count(installation.database) == SIZE.chunks
    raw = {name: count for name, count in restored.rows.items() if not name.startswith("influx_a")}
    after = row_counts(installation.database)
    assert {name: after[name] for name in raw} == raw
    assert all(after[view.name] >= restored.rows[view.name] > 0 for view in VIEWS)


def test_retention_stays_paused_and_is_named_in_the_outcome(
    installation: Installation, restored: Restored
) -> None:
    [(number, (scheduled, _))] = policies(installation.database, "policy_retention").items()
    assert not scheduled
    said = str(restored.finished.outcome.draft.detail["sentence"])
    assert f"Retention waits for an approver: {number}." in said
    jobs = restored.finished.entry("jobs", Phase.OUTCOME).draft.detail["facts"]
    refreshing = sorted(policies(installation.database, "policy_refresh_continuous_aggregate"))
    assert isinstance(jobs, dict)
    assert (jobs["rearmed"], jobs["waiting"]) == (refreshing, [number])
    assert f"drops data older than {RETENTION}; the dump's newest" in restored.finished.output
    assert f"of {SIZE.chunks} chunks would go" in restored.finished.output


def test_each_rearmed_job_is_proven_by_what_it_did(
    installation: Installation, restored: Restored
) -> None:
    detail = restored.finished.entry("jobs_checks", Phase.NOTE).draft.detail
    assert isinstance(detail["checks"], list)
    refreshing = policies(installation.database, "policy_refresh_continuous_aggregate")
    assert len(detail["checks"]) == len(refreshing) == len(VIEWS)
    for number, check in zip(sorted(refreshing), detail["checks"], strict=True):
        assert f"job {number}, policy_refresh_continuous_aggregate" in check["name"]
        assert check["verdict"] == "ok", check
        assert re.match(r"ran at [\d:]+ UTC: \d+ (range|row)s? ", check["evidence"]), check
    points = restored.finished.entry("checklist_checks", Phase.NOTE).draft.detail["checks"]
    assert isinstance(points, list)
    assert "4 jobs scheduled, 1 paused, 4 seen to run since the restore" in str(points[2])


def test_each_view_is_refreshed_by_its_own_policy_after_the_restore(
    installation: Installation, restored: Restored
) -> None:
    database = installation.database
    for position, view in enumerate(VIEWS):
        mine = FIRST_SENSOR + position
        eventually(lambda view=view, mine=mine: mine in sensors(database, view.name))  # type: ignore[misc]
    eventually(
        lambda: all(
            on and runs > 0
            for on, runs in policies(database, "policy_refresh_continuous_aggregate").values()
        )
    )


def test_new_rows_reach_the_first_view_by_themselves(
    installation: Installation, restored: Restored
) -> None:
    database, newcomer = installation.database, 777
    with database.connect(DATABASE) as connection:
        connection.execute(
            "INSERT INTO influx_data VALUES (now() - interval '30 minutes', %s, 1, 'new')",
            [newcomer],
        )
    eventually(lambda: newcomer in sensors(database, VIEWS[0].name))


def test_minutes_later_retention_has_eaten_nothing(
    installation: Installation, restored: Restored
) -> None:
    database = installation.database
    [(scheduled, runs)] = policies(database, "policy_retention").values()
    assert (scheduled, runs) == (False, 0)
    assert chunk_count(database) == SIZE.chunks
    assert row_counts(database)["influx_data"] >= restored.rows["influx_data"]


def test_with_the_word_for_it_retention_is_armed_and_does_its_work(
    installation: Installation, restored: Restored
) -> None:
    finished = installation.restore(restored.dump, "--yes", "--arm-retention")
    assert finished.exit_code == 0, finished.output
    assert "Retention waits" not in finished.output
    facts = finished.entry("jobs", Phase.OUTCOME).draft.detail["facts"]
    [number] = policies(installation.database, "policy_retention")
    assert isinstance(facts, dict)
    assert (number in facts["rearmed"], facts["waiting"]) == (True, [])
    eventually(lambda: chunk_count(installation.database) < SIZE.chunks)


def test_a_dump_of_an_older_timescaledb_is_updated_to_the_images_version(
    installation: Installation,
) -> None:
    database = installation.database
    query = "SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb'"
    versions = sorted(v for (v,) in database.rows("postgres", query))
    if len(versions) == 1:
        pytest.skip(f"the image ships one version of TimescaleDB only, {versions[0]}")
    with database.connect() as connection:
        connection.execute("CREATE DATABASE older TEMPLATE template0")
    with database.connect("older") as connection:
        create = sql.SQL("CREATE EXTENSION timescaledb VERSION {}")
        connection.execute(create.format(sql.Literal(versions[0])))
    with database.connect("older") as connection:
        connection.execute("CREATE TABLE t (at timestamptz NOT NULL)")
        connection.execute("SELECT create_hypertable('t', 'at')")
        connection.execute("INSERT INTO t VALUES (now())")
    dump = age(database, take_dump(database, "older", "older.dump"))
    target = installation.having(database="older_again", applications=[])
    finished = target.restore(dump, "--yes")
    assert finished.exit_code == 0, finished.output
    installed_version = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    assert database.rows("older_again", installed_version) == [(versions[-1],)]
    assert database.rows("older_again", "SELECT count(*) FROM t") == [(1,)]


def test_retention_that_would_drop_nothing_is_armed_with_the_others(
    installation: Installation,
) -> None:
    database = installation.database
    create_sample(database, size=SIZE)
    with database.connect(DATABASE) as connection:
        [(number,)] = connection.execute(
            "SELECT public.add_retention_policy('influx_data', interval '10 years')"
        ).fetchall()
    live = PostgresCluster(database.dsn()).database(DATABASE)
    assert live.would_drop(number) == 0
    finished = installation.restore(age(database, take_dump(database, name="kept.dump")), "--yes")
    assert finished.exit_code == 0, finished.output
    facts = finished.entry("jobs", Phase.OUTCOME).draft.detail["facts"]
    assert isinstance(facts, dict)
    assert (facts["rearmed"], facts["waiting"]) == ([number], [])
    assert f"job {number} on public.influx_data" not in finished.output
