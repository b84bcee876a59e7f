"""The adapter's tests for the community edition, on views as the stand-in makes them."""

# ruff: noqa: F401 - pytest collects what is imported

from collections.abc import Iterator

import pytest

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from tests.docker.postgres_adapter.test_community import (
    OWNER,
    POLICIES,
    SETUP,
    test_a_late_row_of_long_ago_does_not_let_a_refresh_reach_over_what_retention_has_dropped,
    test_a_policy_names_its_procedure_hypertable_and_owner,
    test_a_refresh_fills_its_window_and_moves_the_watermark,
    test_a_refresh_runs_with_the_owners_rights,
    test_a_view_in_real_time_that_holds_nothing_has_no_data,
    test_aggregates_name_their_owner_and_the_hypertable_they_read,
    test_an_unknown_view_is_refused,
    test_exactly_the_named_jobs_are_paused_even_while_restoring_is_on,
    test_no_job_is_paused_where_one_of_them_does_not_exist,
)
from tests.sandbox.timescaledb.stand_in import StandIn

VIEW = """
SELECT timescaledb_stand_in.create_continuous_aggregate('ops."{name}"', $$
    SELECT public.time_bucket('{bucket}', {time}) AS b, sum(v) AS v FROM ops."{source}"
     GROUP BY 1$$, '{bucket}', materialized_only => false)
"""


@pytest.fixture
def database(
    cluster: PostgresCluster, shared_database: StandIn, scratch_database: str
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


@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_a_window_is_cast_to_the_views_own_time(
    database: PostgresDatabase, shared_database: StandIn, kind: str
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute(f"CREATE TABLE ops.other (ts {kind} NOT NULL, v float8)")
        connection.execute("SELECT public.create_hypertable('ops.other', 'ts')")
        connection.execute("INSERT INTO ops.other VALUES ('2024-01-01', 1), ('2024-01-05', 2)")
        connection.execute(VIEW.format(name="of", bucket="1 day", time="ts", source="other"))
    [view] = [v for v in database.continuous_aggregates() if v.name == "of"]
    database.refresh(view, None, None)
    assert database.materialized_rows(view) == 2


@pytest.mark.parametrize(("after", "chunks"), [("1 day", 2), ("100 years", 0)])
def test_what_a_retention_policy_would_drop_is_counted_and_nothing_is_dropped(
    database: PostgresDatabase, shared_database: StandIn, after: str, chunks: int
) -> None:
    with shared_database.connect(database.name) as connection:
        connection.execute("CREATE TABLE ops.aging (ts timestamptz NOT NULL, v float8)")
        connection.execute("SELECT public.create_hypertable('ops.aging', 'ts')")
        connection.execute("INSERT INTO ops.aging VALUES ('2024-01-01', 1), ('2024-03-01', 2)")
        connection.execute("INSERT INTO ops.aging VALUES (now(), 3)")
        policy = (  # not due yet: the worker would do it
            "SELECT public.add_retention_policy('ops.aging', %s::interval,"
            " initial_start => now() + interval '1 day')"
        )
        row = connection.execute(policy, [after]).fetchone()
        assert row is not None
        assert database.would_drop(row[0]) == chunks
        left = connection.execute("SELECT count(*) FROM public.show_chunks('ops.aging')").fetchone()
    assert left == (3,)
