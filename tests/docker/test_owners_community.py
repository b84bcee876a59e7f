"""Jobs whose owner could not do their work: found before, refused, or repaired so that they run.

Community edition only. The dump holds compressed chunks too, whose rows are compared in batches.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.adapters.postgres import PostgresCluster
from bot.core.audit import Phase
from bot.core.jobs import Job
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import (
    DATABASE,
    OWNER,
    READER,
    VIEWS,
    background_workers_stopped,
    create_sample,
    create_views,
)
from tests.docker.tsbot import Installation, age, installed

pytestmark = pytest.mark.community

WITHIN_S = 60
COMPRESS = """
ALTER TABLE influx_data SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_id');
SELECT compress_chunk(c) FROM (SELECT c FROM show_chunks('influx_data') c LIMIT 2) two
"""
GIVE = """
UPDATE _timescaledb_config.bgw_job SET owner = %s::regrole
 WHERE proc_name = 'policy_refresh_continuous_aggregate'
   AND hypertable_id = (SELECT mat_hypertable_id FROM _timescaledb_catalog.continuous_agg
                         WHERE user_view_name = %s)
RETURNING id
"""


@dataclass(frozen=True)
class Source:
    """The dump, and the job in it that belongs to somebody who does not own its view."""

    dump: str
    job: int


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("owners")) as made:
        yield made.having(applications=[])


@pytest.fixture(scope="module")
def source(installation: Installation) -> Source:
    database = installation.database
    create_sample(database)
    with background_workers_stopped(database):
        create_views(database)
        with database.connect(DATABASE) as connection:
            for statement in COMPRESS.split(";"):
                connection.execute(statement.encode())
            [(job,)] = connection.execute(GIVE, [READER, VIEWS[0].name]).fetchall()
        return Source(age(database, take_dump(database)), job)


def after_its_run(database: DatabaseContainer, number: int) -> Job:
    """Wait for a job's first run and return it."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        jobs = PostgresCluster(database.dsn()).database(DATABASE).jobs()
        [job] = [job for job in jobs if job.id == number]
        if job.runs and job.last_status and not job.running:
            return job
        assert time.monotonic() < deadline, f"job {number} of {job.owner} has not run"
        time.sleep(0.5)


def test_a_job_of_somebody_who_does_not_own_its_view_refuses_the_dump(
    installation: Installation, source: Source
) -> None:
    before = installation.state()
    finished = installation.restore(source.dump, "--yes")
    assert finished.exit_code == 1
    said = str(finished.outcome.draft.detail["sentence"])
    assert f"job {source.job} (policy_refresh_continuous_aggregate)" in said
    assert f"its owner {READER} does not own public.{VIEWS[0].name}, {OWNER} does" in said
    assert installation.state() == before


def test_a_repaired_job_is_named_and_runs_as_the_owner_of_its_view(
    installation: Installation, source: Source
) -> None:
    finished = installation.having(job_owners="repair").restore(source.dump, "--yes")
    assert finished.outcome.draft.status == "succeeded", finished.output
    assert f"its owner {READER} does not own public.{VIEWS[0].name}" in finished.output
    off = finished.entry("restoring_off", Phase.OUTCOME).draft.detail
    assert f"job {source.job} given to {OWNER}" in str(off["summary"])
    assert isinstance(off["facts"], dict)
    assert off["facts"]["owners"] == {str(source.job): OWNER}
    assert "1 owner repaired" in finished.output
    assert "(compressed ones by the batch)" in finished.output
    assert "2 compressed" in finished.output
    job = after_its_run(installation.database, source.job)
    assert (job.owner, job.failed) == (OWNER, False), job


def test_an_owner_who_may_not_log_in_is_found_and_repaired(
    installation: Installation, source: Source
) -> None:
    database = installation.database
    with database.connect() as connection:
        connection.execute(f"ALTER ROLE {READER} NOLOGIN")
    try:
        refused = installation.restore(source.dump, "--dry-run")
        repaired = installation.having(job_owners="repair").restore(source.dump, "--dry-run")
    finally:
        with database.connect() as connection:
            connection.execute(f"ALTER ROLE {READER} LOGIN")
    assert refused.exit_code == 1
    assert f"its owner {READER} may not log in" in refused.output
    assert repaired.exit_code == 0, repaired.output
    assert f"may not log in; it is given to {OWNER}" in repaired.output


def test_with_the_guides_ownership_every_job_would_fail_and_is_refused(
    installation: Installation, source: Source
) -> None:
    guide = installation.having(ownership="guide")
    refused = guide.restore(source.dump, "--dry-run")
    assert refused.exit_code == 1
    assert "does not own public.influx_data, postgres does" in refused.output
    warned = guide.having(job_owners="repair").restore(source.dump, "--yes")
    assert warned.outcome.draft.status == "succeeded", warned.output
    assert f"objects of {DATABASE} would change owner" in warned.output
    assert f"public.influx_data ({OWNER} → postgres)" in warned.output
    assert f"{READER}: SELECT on public.influx_data" in warned.output
