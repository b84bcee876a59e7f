"""The guide's problem and its cure, shown by the product's own adapter and checklist."""

from datetime import UTC, datetime, timedelta
from typing import LiteralString

import pytest

from bot.adapters.postgres import PostgresDatabase
from bot.core.database_settings import DatabaseSettings
from bot.core.errors import DatabaseRefused
from bot.core.models import ContinuousAggregate
from bot.sandbox.sample import DATABASE, VIEWS
from tests.sandbox.timescaledb.restoring import Workshop
from tests.sandbox.timescaledb.stand_in import until

RESTORING = "timescaledb.restoring is off"
WORKERS = "background workers are running"
JOBS = "every job has a next start"
CATALOG: tuple[LiteralString, ...] = (
    "SELECT * FROM _timescaledb_catalog.hypertable ORDER BY id",
    "SELECT * FROM _timescaledb_catalog.dimension ORDER BY id",
    "SELECT * FROM _timescaledb_catalog.dimension_slice ORDER BY id",
    "SELECT * FROM _timescaledb_catalog.chunk ORDER BY id",
    "SELECT * FROM _timescaledb_catalog.continuous_agg ORDER BY mat_hypertable_id",
    "SELECT * FROM _timescaledb_catalog.continuous_aggs_watermark ORDER BY mat_hypertable_id",
    "SELECT * FROM _timescaledb_config.bgw_job ORDER BY id",
    "SELECT nextval('_timescaledb_config.bgw_job_id_seq')",
    "SELECT * FROM influx_agg_1m ORDER BY bucket, sensor_id",
    "SELECT * FROM influx_agg_1d ORDER BY bucket, sensor_id",
    "SELECT count(*) FROM influx_data",
)
RECENT = "SELECT take_readings(now() - interval '1 hour', now())"


def minutes(database: PostgresDatabase) -> ContinuousAggregate:
    [view] = [v for v in database.continuous_aggregates() if v.name == "influx_agg_1m"]
    return view


def test_a_restored_dump_is_what_was_dumped(workshop: Workshop) -> None:
    workshop.restored("side", workshop.dumps.newest)
    for query in CATALOG:
        there = workshop.stand_in.rows(DATABASE, query)
        assert workshop.stand_in.rows("side", query) == there, query


def test_a_restored_inventory_has_nothing_missing(workshop: Workshop) -> None:
    side = workshop.restored("side", workshop.dumps.newest)
    source = workshop.cluster.database(DATABASE).inventory()
    assert list(source.missing_from(side.inventory())) == []
    assert side.inventory().owners == source.owners


def test_the_older_dump_lacks_the_last_day(workshop: Workshop) -> None:
    older = workshop.restored("older", workshop.dumps.older).newest_row()
    newer = workshop.cluster.database(DATABASE).newest_row()
    assert older is not None
    assert newer is not None
    assert timedelta(hours=23) < newer - older < timedelta(hours=25)


def test_nothing_is_inserted_or_refreshed_while_restoring_is_on(workshop: Workshop) -> None:
    side = workshop.restored("side", workshop.dumps.older)
    with pytest.raises(DatabaseRefused, match=r"cannot INSERT into hypertable .* during restore"):
        side.refresh(minutes(side), None, None)


def test_a_restore_with_all_its_steps_ends_green_and_jobs_run_by_themselves(
    workshop: Workshop,
) -> None:
    live = workshop.restored("live", workshop.dumps.newest)
    live.post_restore()
    side = workshop.restored("side", workshop.dumps.older)
    paused = workshop.paused(side)
    side.post_restore()
    workshop.made.append("aside")
    workshop.cluster.apply_settings("side", DatabaseSettings())  # lets the jobs' owners in
    workshop.cluster.allow_connections("live", False)
    for name in ("live", "side"):
        workshop.cluster.terminate(name)
    workshop.cluster.rename(("live", "aside"), ("side", "live"))
    live.restart_workers()
    until("the scheduler", lambda: workshop.stand_in.schedules("live"))
    workshop.stand_in.rows("live", RECENT)
    before = live.materialized_rows(minutes(live))
    live.set_scheduled(paused, True)
    live.restart_workers()
    until("rows of the last hour", lambda: live.materialized_rows(minutes(live)) > before)
    until("a green checklist", lambda: workshop.failures(live) == {})
    assert not workshop.stand_in.schedules("aside")


def test_with_restoring_left_on_no_restart_brings_the_scheduler_and_the_checklist_says_why(
    workshop: Workshop,
) -> None:
    side = workshop.restored("side", workshop.dumps.older)
    side.restart_workers()
    workshop.stand_in.restart()
    until("the other scheduler", lambda: workshop.stand_in.schedules(DATABASE))
    failures = workshop.failures(side)
    assert failures[RESTORING] == "on in a new session; set on in: database side"
    assert failures[WORKERS] == "no scheduler for side"
    assert failures[JOBS].startswith("no next start: 1000")


def test_turning_restoring_off_by_hand_wakes_nobody_until_the_server_is_restarted(
    workshop: Workshop,
) -> None:
    side = workshop.restored("side", workshop.dumps.older)
    with workshop.stand_in.connect() as connection:
        connection.execute("ALTER DATABASE side SET timescaledb.restoring = 'off'")
    assert side.restoring() == "off"
    failures = workshop.failures(side)
    assert failures[WORKERS] == "no scheduler for side"
    assert failures[JOBS].startswith("no next start")
    assert RESTORING not in failures
    workshop.stand_in.restart()
    until("a green checklist", lambda: workshop.failures(side) == {})


def test_workers_that_hear_nothing_need_a_restart(workshop: Workshop) -> None:
    workshop.stand_in.restart(deaf=True)
    side = workshop.restored("side", workshop.dumps.older)
    side.post_restore()
    side.restart_workers()
    assert workshop.failures(side)[WORKERS] == "no scheduler for side"
    workshop.stand_in.restart()
    until("a green checklist", lambda: workshop.failures(side) == {})


def test_post_restore_refuses_a_catalog_of_another_version(workshop: Workshop) -> None:
    side = workshop.restored("side", workshop.dumps.older)
    with workshop.stand_in.connect("side") as connection:
        connection.execute(
            "UPDATE _timescaledb_catalog.metadata SET value = '2.19.3'"
            " WHERE key = 'timescaledb_version'"
        )
    with pytest.raises(DatabaseRefused, match=r'mismatch, expected "2\.22\.1" seen "2\.19\.3"'):
        side.post_restore()
    assert side.restoring() == "on"


def test_views_are_refreshed_with_real_rows_parents_first(workshop: Workshop) -> None:
    side = workshop.restored("side", workshop.dumps.older)
    side.post_restore()
    workshop.stand_in.rows("side", "SELECT take_readings(now() - interval '1 day', now())")
    views = {view.name: view for view in side.continuous_aggregates()}
    gained = []
    for name in VIEWS:
        before = side.materialized_rows(views[name])
        side.refresh(views[name], side.refreshable_from(views[name]), datetime.now(UTC))
        gained.append(side.materialized_rows(views[name]) - before)
    assert gained[0] > gained[1] > gained[2] > 0
