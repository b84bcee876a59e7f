"""A database with TimescaleDB of any edition, and one without it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.errors import DatabaseRefused
from bot.core.models import ContinuousAggregate
from tests.docker.containers import DatabaseContainer

SCHEDULER = "TimescaleDB Background Worker Scheduler"
ROWS = """
CREATE SCHEMA ops;
CREATE TABLE ops.raw (ts timestamptz NOT NULL, v float8);
CREATE INDEX raw_v ON ops.raw (v);
CREATE TABLE ops."Plain, table" (id serial PRIMARY KEY);
CREATE VIEW ops.seen AS SELECT 1 AS one;
GRANT SELECT ON ops.raw TO PUBLIC;
SELECT public.create_hypertable('ops.raw', 'ts', chunk_time_interval => interval '1 day');
INSERT INTO ops.raw VALUES ('2024-01-01 12:00Z', 1), ('2024-01-03 12:00Z', 3), ('infinity', 9);
"""


@pytest.fixture
def plain(cluster: PostgresCluster, scratch_database: str) -> PostgresDatabase:
    """A database without TimescaleDB."""
    return cluster.database(scratch_database)


@pytest.fixture
def database(plain: PostgresDatabase, shared_database: DatabaseContainer) -> PostgresDatabase:
    plain.create_extension("timescaledb")
    with shared_database.connect(plain.name) as connection:
        connection.execute(ROWS)
    return plain


def scheduler_runs(cluster: PostgresCluster, database: str) -> bool:
    return any(s.application == SCHEDULER for s in cluster.sessions(database))


def wait_for_scheduler(cluster: PostgresCluster, database: str, wanted: bool) -> None:
    deadline = time.monotonic() + 15
    while scheduler_runs(cluster, database) is not wanted:
        assert time.monotonic() < deadline, f"scheduler of {database}: not {wanted} within 15 s"
        time.sleep(0.05)


# --- extensions ------------------------------------------------------------------------------


def test_an_extension_is_created_at_a_version_once_and_with_what_it_requires(
    plain: PostgresDatabase, cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    version = max(cluster.available_extensions()["timescaledb"])
    plain.create_extension("timescaledb", version)
    plain.create_extension("timescaledb", version)
    plain.create_extension("earthdistance")  # requires cube
    assert {"timescaledb": version}.items() <= plain.extensions().items()
    assert "cube" in plain.extensions()
    assert shared_database.rows(
        plain.name,
        "SELECT DISTINCT extnamespace::regnamespace::text FROM pg_extension"
        " WHERE extname IN ('timescaledb', 'cube', 'earthdistance')",
    ) == [("public",)]


def test_updating_is_the_sessions_first_statement(database: PostgresDatabase) -> None:
    before = database.extensions()
    database.update_extension("timescaledb", before["timescaledb"])
    assert database.extensions() == before


def test_a_version_the_image_lacks_is_refused(plain: PostgresDatabase) -> None:
    with pytest.raises(DatabaseRefused):
        plain.create_extension("timescaledb", "0.0.1")


def test_timescaledb_is_found_in_whatever_schema_it_was_created(
    plain: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    with shared_database.connect(plain.name) as connection:
        connection.execute('CREATE SCHEMA "Odd one"; CREATE EXTENSION timescaledb SCHEMA "Odd one"')
    plain.pre_restore()
    assert plain.restoring() == "on"
    plain.post_restore()
    assert plain.restoring() == "off"


# --- restoring and workers -------------------------------------------------------------------


def test_restoring_is_on_from_pre_restore_to_post_restore(database: PostgresDatabase) -> None:
    assert database.restoring() == "off"
    assert database.restoring_layers() == ()
    database.pre_restore()
    assert database.restoring() == "on"
    [layer] = database.restoring_layers()
    assert (layer.where, layer.detail, layer.on) == ("database", database.name, True)
    database.post_restore()
    assert database.restoring() == "off"
    assert database.restoring_layers() == ()


def test_every_layer_of_restoring_is_seen_off_as_well_as_on(
    database: PostgresDatabase, shared_database: DatabaseContainer, role: str
) -> None:
    names = {"db": sql.Identifier(database.name), "role": sql.Identifier(role)}
    with shared_database.connect() as connection:
        for statement in (
            "ALTER DATABASE {db} SET timescaledb.restoring TO 'off'",
            "ALTER ROLE {role} SET timescaledb.restoring TO 'on'",
            "ALTER ROLE {role} IN DATABASE {db} SET timescaledb.restoring TO 'on'",
            "ALTER SYSTEM SET timescaledb.restoring TO 'off'",
        ):
            connection.execute(sql.SQL(statement).format(**names))
        try:
            layers = database.restoring_layers()
        finally:
            connection.execute("ALTER SYSTEM RESET timescaledb.restoring")
    assert {(layer.where, layer.on) for layer in layers} == {
        ("database", False),
        ("role", True),
        ("database and role", True),
        ("system", False),
    }
    assert {layer.detail for layer in layers if layer.on} == {role}
    assert any("postgresql.auto.conf" in layer.detail for layer in layers)


def test_a_scheduler_that_was_stopped_comes_back_when_workers_are_restarted(
    database: PostgresDatabase, cluster: PostgresCluster
) -> None:
    database.restart_workers()
    wait_for_scheduler(cluster, database.name, True)
    cluster.terminate(database.name)
    wait_for_scheduler(cluster, database.name, False)
    database.restart_workers()
    wait_for_scheduler(cluster, database.name, True)


def test_the_launcher_is_ended_alone(cluster: PostgresCluster) -> None:
    assert cluster.terminate_launcher() <= 1
    assert not any("Launcher" in s.application for s in cluster.sessions())
    assert cluster.identity().superuser


# --- jobs ------------------------------------------------------------------------------------


def test_jobs_are_listed_by_id_and_infinite_times_are_read(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute(
            "INSERT INTO _timescaledb_config.bgw_job (application_name, schedule_interval,"
            " max_runtime, max_retries, retry_period, proc_schema, proc_name, owner, scheduled,"
            " fixed_schedule) SELECT 'Own', '1 month 1 hour', '0', -1, '5 min', 'public', 'own',"
            " 'postgres', false, false"
        )
        connection.execute(
            "INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish,"
            " next_start, last_successful_finish, last_run_success, total_runs, total_duration,"
            " total_duration_failures, total_successes, total_failures, total_crashes,"
            " consecutive_failures, consecutive_crashes)"
            " SELECT id, '-infinity', '-infinity', '-infinity', '-infinity', false, 0, '0', '0',"
            " 0, 0, 0, 0, 0"
            " FROM _timescaledb_config.bgw_job WHERE proc_name = 'own'"
        )
    jobs = database.jobs()
    own = jobs[-1]
    assert [job.id for job in jobs] == sorted(job.id for job in jobs)
    assert own.id >= 1000
    assert (own.procedure, own.owner, own.scheduled) == ("own", "postgres", False)
    assert own.interval == timedelta(days=30, hours=1)
    assert (own.running, own.next_start, own.last_success) == (True, None, None)
    assert (own.hypertable, own.config) == ("", {})


# --- what it holds ---------------------------------------------------------------------------


def test_an_inventory_holds_tables_chunks_and_indexes_but_nothing_of_an_extension(
    database: PostgresDatabase,
) -> None:
    found = database.inventory()
    chunks = {name for name in found.tables if name.startswith("_timescaledb_internal._hyper")}
    assert found.tables - chunks == {"ops.raw", "ops.Plain, table"}
    assert found.chunks == chunks
    assert len(chunks) == 3
    assert found.hypertables == {"ops.raw"}
    assert {"ops.raw_v", "ops.raw_ts_idx", "ops.Plain, table_pkey"} <= found.indexes
    assert len(found.indexes) == 3 + 2 * 3
    assert found.owners["ops.seen"] == "postgres"
    assert "ops.Plain, table_id_seq" in found.owners
    assert found.grants["ops.raw"]["PUBLIC"] == {"SELECT"}
    assert "ops.Plain, table Plain, table_pkey" in found.constraints
    assert found.owners["ops"] == "postgres"
    assert found.extensions["timescaledb"]
    assert "ops.seen" not in found.grants
    assert (found.continuous_aggregates, dict(found.policies)) == (frozenset(), {})


def test_the_newest_row_is_found_and_infinity_is_none(database: PostgresDatabase) -> None:
    assert database.newest_row() == datetime(2024, 1, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "newest"),
    [
        ("timestamp", "2024-02-01 00:00", datetime(2024, 2, 1, tzinfo=UTC)),
        ("date", "2024-02-01", datetime(2024, 2, 1, tzinfo=UTC)),
        ("bigint", "20240201", datetime(2024, 1, 3, 12, tzinfo=UTC)),
    ],
)
def test_dates_count_as_utc_and_numbers_are_left_out_of_the_newest_row(
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
    kind: str,
    value: str,
    newest: datetime,
) -> None:
    with shared_database.connect(database.name) as connection:
        statement = sql.SQL("CREATE TABLE ops.other (at {} NOT NULL)")
        connection.execute(statement.format(sql.Identifier("int8" if kind == "bigint" else kind)))
        interval = "10" if kind == "bigint" else "interval '1 day'"
        connection.execute(
            sql.SQL(
                "SELECT public.create_hypertable('ops.other', 'at', chunk_time_interval => {})"
            ).format(sql.SQL(interval))
        )
        connection.execute(sql.SQL("INSERT INTO ops.other VALUES ({})").format(value))
    assert database.newest_row() == newest


def test_a_newest_row_that_takes_too_long_is_none(
    database: PostgresDatabase, shared_database: DatabaseContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.postgres.database.STATUS_TIMEOUT", 0.3)
    with shared_database.connect(database.name) as connection, connection.transaction():
        connection.execute("LOCK TABLE ops.raw IN ACCESS EXCLUSIVE MODE")
        assert database.newest_row() is None


def of(source: str) -> ContinuousAggregate:
    return ContinuousAggregate("ops", "hourly", "postgres", source, "ops.none", False, None)


def test_a_view_can_be_refreshed_from_midnight_of_the_oldest_chunk_or_not_at_all(
    database: PostgresDatabase,
) -> None:
    assert database.refreshable_from(of("ops.raw")) == datetime(2024, 1, 1, tzinfo=UTC)
    assert database.refreshable_from(of("ops.no_such_table")) is None


def test_without_timescaledb_nothing_is_listed_and_calls_are_refused(
    plain: PostgresDatabase,
) -> None:
    assert plain.jobs() == ()
    assert plain.continuous_aggregates() == ()
    assert plain.newest_row() is None
    assert plain.refreshable_from(of("ops.raw")) is None
    assert plain.restoring() == "off"
    assert plain.inventory().counts()["tables"] == 0
    with pytest.raises(DatabaseRefused, match="TimescaleDB is not installed"):
        plain.pre_restore()
