"""What the other Docker tests rely on holds: image, containers, sample, dumps."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import dumps, sample
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.image import IMAGE_VARIABLE, LABEL, chosen_image, ensure_image, is_own_image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small(shared_database: DatabaseContainer) -> Iterator[str]:
    """The small sample, in the database that pg_cron is bound to."""
    sample.create_sample(shared_database)
    yield sample.DATABASE
    with shared_database.connect() as connection:
        connection.execute(f"DROP DATABASE {sample.DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {sample.DATABASE} TEMPLATE template0")


def test_all_nine_extensions_of_the_guide_create(
    shared_database: DatabaseContainer, small: str
) -> None:
    installed = shared_database.rows(small, "SELECT extname FROM pg_extension")
    assert {name for (name,) in installed} >= set(sample.EXTENSIONS)


def test_the_server_has_workers_for_every_job(shared_database: DatabaseContainer) -> None:
    [(workers, processes, parallel)] = shared_database.rows(
        "postgres",
        "SELECT current_setting('timescaledb.max_background_workers')::int,"
        " current_setting('max_worker_processes')::int,"
        " current_setting('max_parallel_workers')::int",
    )
    assert workers >= 8
    assert processes >= 3 + workers + parallel


def test_each_database_with_the_extension_gets_its_scheduler(
    shared_database: DatabaseContainer, small: str
) -> None:
    deadline = time.monotonic() + 70
    query = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE '%%Background Worker Scheduler'"
    )
    while not (found := shared_database.rows(small, query)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found


def test_postgres_is_process_one_and_not_root(shared_database: DatabaseContainer) -> None:
    _, owner = shared_database.exec("stat", "-c", "%U", "/proc/1")
    _, command = shared_database.exec("cat", "/proc/1/comm")
    assert (owner.strip(), command.strip()) == ("postgres", "postgres")


def test_the_backup_directory_is_open_to_the_server_only(
    shared_database: DatabaseContainer,
) -> None:
    assert shared_database.exec("stat", "-c", "%U %a", "/backup") == (0, "postgres 700\n")


def test_a_restarted_database_answers_on_the_same_port(containers: Containers) -> None:
    database = containers.database(database="kept")
    with database.connect("kept") as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    database.container.restart()
    database.wait_until_ready()
    assert database.rows("kept", "SELECT n FROM t") == [(1,)]


def test_a_second_request_for_the_image_reuses_the_first(prepared: Prepared) -> None:
    before = prepared.client.images.get(prepared.image).id
    started = time.monotonic()
    assert ensure_image(prepared.client) == chosen_image() == prepared.image
    assert prepared.client.images.get(prepared.image).id == before
    assert time.monotonic() - started < 5


def test_an_application_ends_on_sigterm_unless_it_ignores_it(containers: Containers) -> None:
    obedient = containers.application()
    deaf = containers.application(ignores_sigterm=True)
    obedient.stop(timeout=20)
    deaf.stop(timeout=1)
    obedient.reload()
    deaf.reload()
    assert (obedient.attrs["State"]["ExitCode"], deaf.attrs["State"]["ExitCode"]) == (0, 137)


def test_an_application_is_found_by_its_compose_service(containers: Containers) -> None:
    application = containers.application(compose=(containers.prefix, "writer"), running=False)
    labels = [
        f"com.docker.compose.project={containers.prefix}",
        "com.docker.compose.service=writer",
    ]
    found = containers.client.containers.list(all=True, filters={"label": labels})
    assert [container.id for container in found] == [application.id]
    assert application.status == "created"


def test_closing_a_set_removes_its_containers_and_volumes_and_no_others(
    prepared: Prepared,
) -> None:
    ours, others = prepared.containers.of_test(), prepared.containers.of_test()
    doomed, kept = ours.database(), others.application()
    # Not every image declares a volume; ours does.
    used = {mount["Name"] for mount in doomed.container.attrs["Mounts"]}
    assert used or not is_own_image(prepared.image)
    ours.close()
    volumes = {found.name for found in prepared.client.volumes.list()}
    survivors = {found.id for found in prepared.containers.all()}
    others.close()
    assert not used & volumes
    assert doomed.id not in survivors
    assert {kept.id, prepared.database.id} <= survivors


def test_every_container_of_the_session_is_labelled_and_prefixed(prepared: Prepared) -> None:
    for container in prepared.containers.all():
        assert container.labels[LABEL] == "1"
        assert str(container.name).startswith(prepared.containers.prefix)


def test_the_sample_has_the_chunks_rows_and_owners_it_promises(
    shared_database: DatabaseContainer, small: str
) -> None:
    assert sample.chunk_count(shared_database) == sample.SMALL.chunks
    counts = sample.row_counts(shared_database)
    assert counts == {"influx_data": sample.SMALL.rows, "sensors": 50, "notes": 9}
    owners = dict(
        shared_database.rows(small, "SELECT tablename, tableowner FROM pg_tables"),
    )
    assert (owners["influx_data"], owners["notes"]) == (sample.OWNER, "postgres")


def test_the_large_sample_is_made_in_seconds(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    started = time.monotonic()
    sample.create_sample(shared_database, scratch_database, sample.LARGE)
    assert time.monotonic() - started < 60
    assert sample.chunk_count(shared_database, scratch_database) >= 30
    assert sample.row_counts(shared_database, scratch_database)["influx_data"] == 1_000_000


def test_only_a_full_read_tells_a_broken_dump(
    shared_database: DatabaseContainer, small: str
) -> None:
    dump = dumps.take_dump(shared_database)
    broken = (dumps.truncated(shared_database, dump), dumps.bit_flipped(shared_database, dump))
    listed = [shared_database.exec("pg_restore", "-l", path)[0] for path in (dump, *broken)]
    read = [
        shared_database.exec("pg_restore", "-f", "/dev/null", path)[0] for path in (dump, *broken)
    ]
    assert listed == [0, 0, 0]
    assert [code == 0 for code in read] == [True, False, False]


def test_plain_and_directory_dumps_are_what_they_say(
    shared_database: DatabaseContainer, small: str
) -> None:
    plain = dumps.take_dump(shared_database, small, "sample.sql", form="plain")
    directory = dumps.take_dump(shared_database, small, "sample.d", form="directory")
    code, complaint = shared_database.exec("pg_restore", "-l", plain)
    assert (code, "text format dump" in complaint) == (1, True)
    assert shared_database.exec("test", "-f", f"{directory}/toc.dat") == (0, "")


def test_a_growing_dump_grows_until_its_block_ends(
    shared_database: DatabaseContainer, small: str
) -> None:
    dump = dumps.take_dump(shared_database, small, "whole.dump")
    with dumps.growing(shared_database, dump) as path:
        first = dumps.size(shared_database, path)
        deadline = time.monotonic() + 10
        while (now := dumps.size(shared_database, path)) == first and time.monotonic() < deadline:
            time.sleep(0.05)
    assert now > first


def test_indexes_and_rows_differ_where_something_is_lost(
    shared_database: DatabaseContainer, small: str
) -> None:
    rows, indexes = sample.row_counts(shared_database), sample.indexes(shared_database)
    with shared_database.connect(small) as connection:
        connection.execute("DELETE FROM notes WHERE n = 1")
        connection.execute("DROP INDEX sensors_name_trgm")
    lost = indexes - sample.indexes(shared_database)
    assert sample.row_counts(shared_database) == {**rows, "notes": rows["notes"] - 1}
    assert len(lost) == 1


@pytest.mark.community
def test_the_guides_views_are_filled_and_have_their_policies(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    sample.create_sample(shared_database, scratch_database)
    sample.create_views(shared_database, scratch_database)
    counts = sample.row_counts(shared_database, scratch_database)
    assert all(counts[view.name] > 0 for view in sample.VIEWS)
    jobs = shared_database.rows(
        scratch_database,
        "SELECT proc_name, count(*) FROM timescaledb_information.jobs WHERE owner = %s::regrole"
        " GROUP BY 1",
        [sample.OWNER],
    )
    assert dict(jobs) == {"policy_refresh_continuous_aggregate": 4, "policy_retention": 1}


@pytest.mark.community
def test_a_short_retention_policy_waits_while_the_workers_are_stopped(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    sample.create_sample(shared_database, scratch_database)
    with sample.background_workers_stopped(shared_database, scratch_database):
        sample.create_views(shared_database, scratch_database, retention="2 days")
        assert sample.chunk_count(shared_database, scratch_database) == sample.SMALL.chunks
    deadline = time.monotonic() + 30
    while sample.chunk_count(shared_database, scratch_database) == sample.SMALL.chunks:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _run_without_engine(
    monkeypatch: pytest.MonkeyPatch, required: str
) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setenv("TSBOT_REQUIRE_DOCKER", required)
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)
    test = f"{Path(__file__)}::test_postgres_is_process_one_and_not_root"
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_an_engine_these_tests_are_left_out_and_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished = _run_without_engine(monkeypatch, required="")
    assert finished.returncode == 0
    assert "not run here, since no Docker engine answers" in finished.stdout


def test_without_an_engine_leaving_them_out_fails_where_docker_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished = _run_without_engine(monkeypatch, required="1")
    assert finished.returncode == 1
    assert "TSBOT_REQUIRE_DOCKER is set, but no Docker engine answers" in finished.stdout
