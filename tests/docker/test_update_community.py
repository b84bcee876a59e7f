"""A dump of an older TimescaleDB than the image's own: restored at its version, then updated.

Needs an image with two versions of the community edition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.audit import Phase
from bot.core.plan import StepName
from tests.docker.crash import Point
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.killing import Killing
from tests.docker.sample import (
    DATABASE,
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

SIZE = Size(chunks=5, rows=5_000)
VERSION = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
# Up to 2.28 compressed chunks have a parent, which the update to 2.29 does away with.
COMPRESS = """
ALTER TABLE influx_data SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id');
SELECT compress_chunk(c) FROM (SELECT c FROM show_chunks('influx_data') c LIMIT 2) two
"""
JOBS = """
SELECT proc_name, scheduled, owner::text FROM timescaledb_information.jobs
 WHERE job_id >= 1000 ORDER BY job_id
"""


@dataclass(frozen=True)
class Updated:
    """A restore that updated TimescaleDB, what was there before, and both versions."""

    older: str
    newer: str
    rows: dict[str, int]
    jobs: list[tuple[object, ...]]
    finished: Finished


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("update")) as made:
        yield made.having(strategy="swap")


@pytest.fixture(scope="module")
def updated(installation: Installation) -> Updated:
    database = installation.database
    [(newer,)] = database.rows(
        "postgres",
        "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'",
    )
    older = [
        version
        for (version,) in database.rows(
            "postgres",
            "SELECT source FROM pg_extension_update_paths('timescaledb') p"
            " JOIN pg_available_extension_versions v"
            " ON v.name = 'timescaledb' AND v.version = p.source"
            " WHERE target = %s AND path IS NOT NULL",
            [newer],
        )
    ]
    if not older:
        pytest.skip(f"the image ships one version of TimescaleDB only, {newer}")
    create_sample(database, size=SIZE, timescaledb=older[0])
    with background_workers_stopped(database):
        create_views(database)
        with database.connect(DATABASE) as connection:
            for statement in COMPRESS.split(";"):
                connection.execute(statement.encode())
        rows, jobs = row_counts(database), database.rows(DATABASE, JOBS)
        dump = age(database, take_dump(database))
    with database.connect(DATABASE) as connection:
        connection.execute("TRUNCATE influx_data")
    return Updated(older[0], newer, rows, jobs, installation.restore(dump, "--yes"))


def test_the_restore_ends_green_at_the_images_version_with_everything_there(
    installation: Installation, updated: Updated
) -> None:
    database = installation.database
    assert updated.finished.exit_code == 0, updated.finished.output
    assert database.rows(DATABASE, VERSION) == [(updated.newer,)]
    assert chunk_count(database) == SIZE.chunks
    after = row_counts(database)
    assert {name: after[name] for name in updated.rows} == updated.rows
    assert database.rows(DATABASE, JOBS) == updated.jobs


def test_both_versions_stand_in_the_plan_and_in_the_evidence(updated: Updated) -> None:
    plans = [e.draft.detail["plan"] for e in updated.finished.entries if e.draft.action == "plan"]
    assert [plan["timescaledb_after"] for plan in plans] == [updated.newer] * 2  # type: ignore[index]
    assert f"TimescaleDB {updated.older} → {updated.newer}, PostgreSQL" in updated.finished.output
    evidence = str(plans[1]["evidence"]["lines"])  # type: ignore[index]
    assert f"updated from {updated.older} to {updated.newer}; as many tables" in evidence
    assert f"would change: timescaledb {updated.older}" in evidence  # the live one was older
    order = [(e.draft.action, e.draft.phase) for e in updated.finished.entries]
    done = order.index(("update_extensions", Phase.OUTCOME))
    assert order.index(("analyze", Phase.OUTCOME)) < done < order.index(("gate", Phase.OUTCOME))


def test_each_policy_is_seen_to_run_at_the_new_version(updated: Updated) -> None:
    detail = updated.finished.entry("jobs_checks", Phase.NOTE).draft.detail
    assert isinstance(detail["checks"], list)
    refreshed = [c for c in detail["checks"] if "policy_refresh" in c["name"]]
    assert len(refreshed) == len(VIEWS)
    for check in refreshed:
        assert check["verdict"] == "ok", check
        assert re.match(r"ran at ", check["evidence"]), check


def test_restored_over_the_newer_version_nothing_is_said_to_change(
    installation: Installation, updated: Updated
) -> None:
    finished = installation.restore("sample.dump", "--yes")
    assert finished.exit_code == 0, finished.output
    assert "extensions have the versions they have in" in finished.output
    assert installation.database.rows(DATABASE, VERSION) == [(updated.newer,)]


@pytest.mark.fault("kill -9")
def test_an_update_that_the_bot_did_not_live_to_see_is_found_and_not_made_again(
    installation: Installation, updated: Updated, tmp_path: Path
) -> None:
    killing = Killing(installation, "sample.dump", updated.rows, tmp_path, [])
    run_id = killing.kill(Point(StepName.UPDATE_EXTENSIONS, "update_extension"))
    code, printed = killing.tsbot("runs", "resume", run_id, "--yes")
    assert code == 0, printed
    assert killing.serves_restored()
    assert installation.database.rows(DATABASE, VERSION) == [(updated.newer,)]
    mine = [e.draft for e in installation.log() if e.draft.run_id == run_id]
    begun = [d for d in mine if (d.action, d.phase) == ("update_extensions", Phase.INTENT)]
    assert len(begun) == 1
    assert row_counts(installation.database) == updated.rows


def test_an_update_that_fails_is_undone_and_the_old_database_serves_on(
    installation: Installation, updated: Updated
) -> None:
    database = installation.database
    create_sample(database, "stubborn", timescaledb=updated.older)
    with database.connect("stubborn") as connection:
        connection.execute(_STUBBORN)
    dump = age(database, take_dump(database, "stubborn", "stubborn.dump"))
    before = installation.state().databases[DATABASE]
    finished = installation.restore(dump, "--yes")
    assert finished.exit_code != 0, finished.output
    failed = finished.entry("update_extensions", Phase.OUTCOME, "failed").draft.detail
    assert "no update today" in str(failed)
    assert "the live database was not changed" in str(finished.outcome.draft.detail["sentence"])
    assert installation.sides() == []
    assert installation.state().databases[DATABASE] == before


_STUBBORN = """
CREATE FUNCTION public.stubborn() RETURNS event_trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no update today'; END $$;
CREATE EVENT TRIGGER stubborn ON ddl_command_start WHEN TAG IN ('ALTER EXTENSION')
    EXECUTE FUNCTION public.stubborn();
"""
