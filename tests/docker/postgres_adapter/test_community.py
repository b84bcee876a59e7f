"""What only the community edition has: policies, pausing jobs, continuous aggregates."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.errors import DatabaseRefused
from bot.core.models import ContinuousAggregate
from tests.docker.containers import DatabaseContainer

pytestmark = pytest.mark.community

OWNER = "view_owner"
START = datetime(2024, 1, 1, tzinfo=UTC)
SETUP = f"""
CREATE SCHEMA ops AUTHORIZATION {OWNER};
SET ROLE {OWNER};
CREATE TABLE ops.raw (ts timestamptz NOT NULL, v float8);
SELECT public.create_hypertable('ops.raw', 'ts', chunk_time_interval => interval '1 day');
INSERT INTO ops.raw
    SELECT t, 1 FROM generate_series('2024-01-01Z', '2024-01-02T23:50Z', interval '10 min') t;
"""
VIEW = """
CREATE MATERIALIZED VIEW ops."{name}" WITH (timescaledb.continuous, timescaledb.materialized_only
    = false) AS
    SELECT public.time_bucket('{bucket}', {time}) AS b, sum(v) AS v FROM ops."{source}" GROUP BY 1
    WITH NO DATA
"""
POLICIES = """
SELECT public.add_continuous_aggregate_policy('ops."Hour, 1"', NULL, '1 hour', '1 hour',
    initial_start => now() + interval '1 day');
SELECT public.add_retention_policy('ops.raw', interval '7 days',
    initial_start => now() + interval '1 day');
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
        connection.execute(VIEW.format(name="Hour, 1", bucket="1 hour", time="ts", source="raw"))
        connection.execute(VIEW.format(name="day", bucket="1 day", time="b", source="Hour, 1"))
        connection.execute(POLICIES)
    yield made
    cluster.drop_database(scratch_database)
    with shared_database.connect() as connection:
        connection.execute(f"DROP ROLE {OWNER}")


def views(database: PostgresDatabase) -> dict[str, ContinuousAggregate]:
    return {view.name: view for view in database.continuous_aggregates()}


def user_jobs(database: PostgresDatabase) -> dict[str, int]:
    return {job.procedure: job.id for job in database.jobs() if job.id >= 1000}


def test_aggregates_name_their_owner_and_the_hypertable_they_read(
    database: PostgresDatabase,
) -> None:
    found = views(database)
    assert found["Hour, 1"].source == "ops.raw"
    assert found["day"].source == found["Hour, 1"].materialization
    assert found["day"].full_name == "ops.day"
    assert {view.owner for view in found.values()} == {OWNER}


def test_a_view_in_real_time_that_holds_nothing_has_no_data(database: PostgresDatabase) -> None:
    assert [(v.has_data, v.watermark) for v in views(database).values()] == [(False, None)] * 2


def test_a_refresh_fills_its_window_and_moves_the_watermark(database: PostgresDatabase) -> None:
    hour = views(database)["Hour, 1"]
    database.refresh(hour, START, datetime(2024, 1, 1, 6, tzinfo=UTC))
    hour = views(database)["Hour, 1"]
    assert (hour.has_data, hour.watermark) == (True, datetime(2024, 1, 1, 6, tzinfo=UTC))
    assert database.materialized_rows(hour) == 6
    database.refresh(hour, None, None)
    database.refresh(views(database)["day"], None, None)
    assert database.materialized_rows(hour) == 48
    assert database.materialized_rows(views(database)["day"]) == 2


def test_a_late_row_of_long_ago_does_not_let_a_refresh_reach_over_what_retention_has_dropped(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    hour = views(database)["Hour, 1"]
    with shared_database.connect(database.name) as connection:
        connection.execute("INSERT INTO ops.raw VALUES ('2024-01-10Z', 1), ('2024-01-05Z', 1)")
    database.refresh(hour, START, datetime(2024, 1, 12, tzinfo=UTC))
    assert database.refreshable_from(hour) == START  # between them there was never anything
    with shared_database.connect(database.name) as connection:
        connection.execute("SELECT public.drop_chunks('ops.raw', timestamptz '2024-01-06Z')")
        connection.execute("INSERT INTO ops.raw VALUES ('2023-12-01Z', 1)")
    assert database.refreshable_from(hour) == datetime(2024, 1, 10, tzinfo=UTC)


def test_a_bucket_that_only_begins_in_a_gap_of_the_source_is_computed_from_what_follows(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute("INSERT INTO ops.raw VALUES ('2024-01-10Z', 1)")
        weekly = VIEW.format(name="week", bucket="7 days", time="ts", source="raw")
        connection.execute(weekly)
    week = views(database)["week"]
    database.refresh(week, None, None)
    assert database.materialized_rows(week) == 2
    assert database.refreshable_from(week) == START  # its second bucket begins on 8 January


@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_a_window_is_cast_to_the_views_own_time(
    database: PostgresDatabase, shared_database: DatabaseContainer, kind: str
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute(f"CREATE TABLE ops.other (ts {kind} NOT NULL, v float8)")
        connection.execute("SELECT public.create_hypertable('ops.other', 'ts')")
        connection.execute("INSERT INTO ops.other VALUES ('2024-01-01', 1), ('2024-01-05', 2)")
        connection.execute(VIEW.format(name="of", bucket="1 day", time="ts", source="other"))
    database.refresh(views(database)["of"], START, datetime(2024, 1, 3, tzinfo=UTC))
    view = views(database)["of"]
    assert database.materialized_rows(view) == 1
    assert view.watermark == datetime(2024, 1, 2, tzinfo=UTC)


def test_a_view_by_numbers_is_not_refreshed_and_has_no_watermark_in_time(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute("CREATE TABLE ops.other (ts bigint NOT NULL, v float8)")
        connection.execute(
            "SELECT public.create_hypertable('ops.other', 'ts', chunk_time_interval => 10);"
            "CREATE FUNCTION ops.tick() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 99::bigint';"
            "SELECT public.set_integer_now_func('ops.other', 'ops.tick')"
        )
        bucketed = VIEW.format(name="of", bucket="10", time="ts", source="other")
        connection.execute(bucketed.replace("'10'", "10"))
    view = views(database)["of"]
    assert view.watermark is None
    with pytest.raises(DatabaseRefused, match=r"ops\.of counts its time in numbers"):
        database.refresh(view, None, None)


def test_a_refresh_runs_with_the_owners_rights(
    database: PostgresDatabase, shared_database: DatabaseContainer
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute(f"REVOKE ALL ON ops.raw FROM {OWNER}")
    with pytest.raises(DatabaseRefused) as raised:
        database.refresh(views(database)["Hour, 1"], None, None)
    assert raised.value.sqlstate == "42501"


def test_an_unknown_view_is_refused(database: PostgresDatabase) -> None:
    view = ContinuousAggregate("ops", "none", OWNER, "ops.raw", "ops.none", False, None)
    with pytest.raises(DatabaseRefused, match=r"no continuous aggregate ops\.none"):
        database.refresh(view, None, None)
    with pytest.raises(DatabaseRefused, match=r"no continuous aggregate ops\.none"):
        database.materialized_rows(view)


def test_a_policy_names_its_procedure_hypertable_and_owner(database: PostgresDatabase) -> None:
    numbers = user_jobs(database)
    refresh = numbers["policy_refresh_continuous_aggregate"]
    retention = numbers["policy_retention"]
    inventory = database.inventory()
    assert inventory.policies == {
        refresh: "policy_refresh_continuous_aggregate on ops.Hour, 1",
        retention: "policy_retention on ops.raw",
    }
    assert inventory.continuous_aggregates == {"ops.Hour, 1", "ops.day"}
    assert inventory.hypertables == {"ops.raw"}
    [job] = [job for job in database.jobs() if job.id == retention]
    assert (job.owner, job.hypertable, job.drops_data) == (OWNER, "ops.raw", True)
    assert job.config["drop_after"] == "7 days"


def test_exactly_the_named_jobs_are_paused_even_while_restoring_is_on(
    database: PostgresDatabase,
) -> None:
    retention = user_jobs(database)["policy_retention"]
    database.pre_restore()
    database.set_scheduled([retention], False)
    database.post_restore()
    assert {job.id for job in database.jobs() if not job.scheduled} == {retention}
    database.set_scheduled([retention], True)
    database.set_scheduled([], False)
    assert all(job.scheduled for job in database.jobs())


def test_no_job_is_paused_where_one_of_them_does_not_exist(database: PostgresDatabase) -> None:
    with pytest.raises(DatabaseRefused, match="999999"):
        database.set_scheduled([*user_jobs(database).values(), 999_999], False)
    assert all(job.scheduled for job in database.jobs())
