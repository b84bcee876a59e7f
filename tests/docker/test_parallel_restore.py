"""A restore in phases and in parallel restores what a serial one does, and can be ended."""

import re
import secrets
from collections.abc import Iterator

import pytest

from bot.core.errors import RunCancelled, StepFailed
from bot.core.restore_jobs import cores
from bot.core.steps import restore_guard
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.proxy import running_proxy
from tests.docker.restoring import Bench, contents
from tests.docker.sample import (
    DATABASE,
    OWNER,
    READER,
    Size,
    background_workers_stopped,
    create_sample,
    create_views,
)

SIZE = Size(chunks=12, rows=60_000)
MORE = f"""
CREATE SCHEMA extra;
CREATE TABLE extra.parent (id int PRIMARY KEY, name text);
CREATE TABLE extra.child (id serial PRIMARY KEY, parent int REFERENCES extra.parent);
INSERT INTO extra.parent SELECT n, 'p' || n FROM generate_series(1, 2000) n;
INSERT INTO extra.child (parent) SELECT n FROM generate_series(1, 2000) n;
CREATE MATERIALIZED VIEW extra.names AS SELECT count(*) FROM extra.parent;
CREATE INDEX ON extra.parent (name);
COMMENT ON INDEX extra.parent_name_idx IS 'by name';
GRANT USAGE ON SCHEMA extra TO {READER};
GRANT SELECT ON extra.child, extra.names TO {READER};
ALTER TABLE extra.child OWNER TO {OWNER};
ALTER DEFAULT PRIVILEGES IN SCHEMA extra GRANT SELECT ON TABLES TO {READER};
SELECT lo_from_bytea(0, 'large');
"""


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Iterator[DatabaseContainer]:
    """A server with a dump of the sample, on the community edition with views and policies."""
    containers = prepared.containers.of_test()
    try:
        server = containers.database("parallel")
        create_sample(server, size=SIZE)
        with background_workers_stopped(server):
            if prepared.versions.is_community:
                create_views(server, retention="3 days")
            with server.connect(DATABASE) as connection:
                connection.execute(MORE)
            take_dump(server)
        yield server
    finally:
        containers.close()


@pytest.fixture
def run_id() -> str:
    return secrets.token_hex(3)


def bench(server: DatabaseContainer, **settings: object) -> Bench:
    return Bench(server, "sample.dump", settings=dict(settings))


def left_over(server: DatabaseContainer, run_id: str) -> tuple[list[object], str]:
    """Sessions of a run's pg_restore, and list files in the data directory."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    sessions = server.rows("postgres", query, [f"tsbot-restore-{run_id}"])
    return list(sessions), server.exec("sh", "-c", "ls $PGDATA | grep tsbot || true")[1]


def test_in_parallel_the_same_is_restored_as_one_after_the_other(
    server: DatabaseContainer, prepared: Prepared
) -> None:
    one, many = bench(server, restore_jobs=1), bench(server, restore_jobs=3)
    serial, told = one.restore("5e41a1")
    parallel, told_parallel = many.restore("9a4a11")
    expected = contents(server, serial)
    assert contents(server, parallel) == expected
    assert (told.facts["jobs"], told_parallel.facts["jobs"]) == (1, 3)
    assert told.facts["entries"] == told_parallel.facts["entries"]
    lines = "\n".join(expected)
    assert lines.count("rows ('_timescaledb_internal._hyper_1_") == SIZE.chunks
    assert "rows ('extra.child', '2000'" in lines
    if prepared.versions.is_community:
        assert "rows ('_timescaledb_catalog.continuous_aggs_watermark', '4'" in lines
        jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000"
        assert server.rows(parallel, jobs) == [(5,)]
    for shares in (one.shares, many.shares):
        assert shares == sorted(shares)
        assert 0 <= shares[0] < 0.1
        assert 0.9 < shares[-1] <= 1
    many.cluster.database(parallel).post_restore()
    assert left_over(server, "9a4a11") == ([], "")


def test_a_small_dump_is_restored_by_one_session_and_cores_are_known(
    server: DatabaseContainer, run_id: str
) -> None:
    restoring = bench(server)
    _, told = restoring.restore(run_id)
    assert told.facts["jobs"] == 1
    assert "a small dump" in told.summary
    nproc = int(server.exec("nproc")[1])
    assert 1 <= cores(restoring.cluster) <= nproc


def test_the_socket_proxy_lets_a_parallel_restore_through(
    server: DatabaseContainer, run_id: str
) -> None:
    restoring = bench(server, restore_jobs=2)
    with running_proxy([server.name], [server.name]) as proxy:
        restoring.engine = f"unix://{proxy}"
        _, told = restoring.restore(run_id)
    assert told.facts["jobs"] == 2


# Each of both tables waits, in the middle of the data, for a role to appear.
HELD = """
CREATE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE TABLE held_1 (n int CHECK (held(n)));
CREATE TABLE held_2 (n int CHECK (held(n)));
INSERT INTO held_1 VALUES (1);
INSERT INTO held_2 VALUES (1);
CREATE OR REPLACE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS '
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''go_on'') LOOP
        PERFORM pg_catalog.pg_sleep(0.05);
    END LOOP;
    RETURN true;
END';
"""
HOLDING = """
SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query LIKE 'COPY public.held%%'
"""


@pytest.fixture(scope="module")
def held(prepared: Prepared) -> Iterator[DatabaseContainer]:
    """A server with a small disk of its own, and a dump whose restore does not end by itself."""
    containers = prepared.containers.of_test()
    try:
        server = containers.database("held", disk="400m")
        with server.connect(DATABASE) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
            connection.execute(HELD)
        take_dump(server)
        yield server
    finally:
        containers.close()


def are_held(server: DatabaseContainer, run_id: str) -> bool:
    return len(server.rows("postgres", HOLDING, [f"tsbot-restore-{run_id}"])) == 2


def test_cancelling_ends_every_session_of_a_parallel_restore(
    held: DatabaseContainer, run_id: str
) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.extend([True] * are_held(held, run_id))
        return bool(asked)

    with pytest.raises(RunCancelled, match="pg_restore was ended"):
        Bench(held, "sample.dump", cancelled, {"restore_jobs": 2, "disk_floor": 0}).restore(run_id)
    assert left_over(held, run_id) == ([], "")


@pytest.mark.fault("connection cut")
def test_one_of_several_sessions_ended_by_somebody_else_fails_the_restore(
    held: DatabaseContainer, run_id: str
) -> None:
    def end_one() -> bool:
        if are_held(held, run_id):
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s"
            assert held.rows("postgres", end, ["COPY public.held_1%"]) == [(True,)]
            with held.connect() as connection:
                connection.execute("CREATE ROLE go_on")  # lets the other one end by itself
        return False

    settings = {"restore_jobs": 2, "disk_floor": 0}
    try:
        with pytest.raises(StepFailed, match="the session was ended, or the server went away"):
            Bench(held, "sample.dump", end_one, settings).restore(run_id)
    finally:
        with held.connect() as connection:
            connection.execute("DROP ROLE IF EXISTS go_on")
    assert left_over(held, run_id) == ([], "")


@pytest.mark.fault("disk full")
def test_a_disk_that_fills_up_ends_the_restore_and_names_free_bytes_and_floor(
    held: DatabaseContainer, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_guard, "_LOOKS_A_MEASURE", 1)
    filler = "$PGDATA/filler"

    def fill() -> bool:
        if are_held(held, run_id):
            assert held.exec("sh", "-c", f"fallocate -l 250M {filler}")[0] == 0
        return False

    floor = 200 << 20
    settings = {"restore_jobs": 2, "disk_floor": floor}
    try:
        with pytest.raises(StepFailed) as failed:
            Bench(held, "sample.dump", fill, settings).restore(run_id)
    finally:
        held.exec("sh", "-c", f"rm -f {filler}")
    said = re.search(r"\((\d+) bytes\) are free, and disk_floor is 200.0 MiB", str(failed.value))
    assert said, failed.value
    assert 0 < int(said[1]) < floor
    assert left_over(held, run_id) == ([], "")


@pytest.mark.fault("disk full")
def test_with_less_free_than_the_floor_pg_restore_is_not_even_begun(
    held: DatabaseContainer, run_id: str
) -> None:
    restoring = Bench(held, "sample.dump", settings={"disk_floor": 1 << 30})
    with pytest.raises(StepFailed, match=r"disk_floor is 1\.0 GiB; free room, then ask again"):
        restoring.restore(run_id)
    assert restoring.shares == []
