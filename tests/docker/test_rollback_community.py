"""A rollback with continuous aggregates and policies. Community edition only."""

import time
from collections.abc import Iterator

import pytest

from bot.core.audit import Phase
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample, create_views, row_counts
from tests.docker.tsbot import Finished, Installation, age, installed

pytestmark = pytest.mark.community

RUNS = """
SELECT coalesce(max(s.total_runs), 0) FROM timescaledb_information.jobs j
  LEFT JOIN timescaledb_information.job_stats s USING (job_id) WHERE j.job_id = %s
"""
Back = tuple[Finished, dict[str, int]]


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("rollback_community")) as made:
        yield made.having(strategy="swap", job_proof_timeout="1s")


@pytest.fixture(scope="module")
def back(installation: Installation) -> Back:
    """Four views and a retention policy; restored without the sample's newest rows, then back."""
    database = installation.database
    create_sample(database)
    dump = age(database, take_dump(database))
    create_views(database)
    before = row_counts(database)
    restored = installation.restore(dump, "--yes")
    assert restored.entry("cut_over", Phase.OUTCOME).draft.status == "ok", restored.output
    with database.connect(DATABASE) as connection:
        connection.execute("INSERT INTO influx_data VALUES (now(), 1, 1, 'late')")
    return installation.rollback("--yes"), before


def test_every_row_of_tables_and_views_is_back_and_all_points_are_green(
    back: Back, installation: Installation
) -> None:
    finished, before = back
    assert finished.exit_code == 0, finished.output
    assert row_counts(installation.database) == before


def test_the_policies_that_will_drop_what_is_too_old_are_named_to_approvers(back: Back) -> None:
    plan = back[0].entry("plan", Phase.NOTE).draft.detail["plan"]
    assert isinstance(plan, dict)
    [warning] = [w for w in plan["warnings"] if "retention" in w]
    assert "on public.influx_data, drop_after 90 days" in warning
    assert "PostgreSQL counted since" in plan["lines"][1]
    assert "1 row inserted, 0 updated, 0 deleted in 1 table (public.influx_data 1)" in str(plan)


def test_its_jobs_run_again_by_themselves(back: Back, installation: Installation) -> None:
    assert back[0].exit_code == 0
    database = installation.database
    find = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    [(job,)] = database.rows(DATABASE, find)
    before = database.rows(DATABASE, RUNS, [job])
    with database.connect(DATABASE) as connection:
        connection.execute("SELECT public.alter_job(%s, next_start => now())", [job])
    until = time.monotonic() + 30
    while database.rows(DATABASE, RUNS, [job]) == before:
        assert time.monotonic() < until, "the scheduler runs nothing"
        time.sleep(0.2)
