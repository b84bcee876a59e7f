"""/runjob through Slack: run by the scheduler as its owner, judged by what it did, gated where it
drops data.

Community edition only: the image that TSBOT_TEST_IMAGE names says which version.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docker.environment import DockerEnvironment
from tests.docker.sample import DATABASE, OWNER, create_sample, create_views
from tests.scenarios.office import Office
from tests.scenarios.run import VETO, Run
from tests.scenarios.site import Site

pytestmark = pytest.mark.community

JOBS = f"""
SET ROLE {OWNER};
CREATE TABLE ran (who text);
CREATE PROCEDURE good(job_id int, config jsonb) LANGUAGE sql
    AS $$ INSERT INTO ran VALUES (current_user || ' ' || session_user) $$;
CREATE PROCEDURE bad(job_id int, config jsonb) LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'no luck' USING DETAIL = 'row 4711', HINT = 'no hint'; END $$;
SELECT public.add_job('good', '1 day', initial_start => now() + interval '1 day');
SELECT public.add_job('bad', '1 day', initial_start => now() + interval '1 day');
SELECT public.add_job('good', '2 days', scheduled => false);
CREATE TABLE old (at timestamptz NOT NULL);
SELECT public.create_hypertable('old', 'at', chunk_time_interval => interval '1 day');
INSERT INTO old SELECT now() - interval '1 day' * n FROM generate_series(0, 4) n;
SELECT public.add_retention_policy('old', interval '2 days 1 hour',
                                   initial_start => now() + interval '1 day');
"""
NUMBERS = "SELECT job_id, proc_name, scheduled FROM timescaledb_information.jobs WHERE job_id > 999"


@pytest.fixture(scope="module")
def office(
    docker_environment: DockerEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    containers = docker_environment.prepared().containers.of_test()
    try:
        database = containers.database("jobs")
        create_sample(database)
        create_views(database)
        with database.connect(DATABASE) as connection:
            connection.execute(JOBS)
        site = Site(
            database, containers.application("app"), containers.application("idle", running=False)
        )
        made = Office(site, tmp_path_factory.mktemp("runjob"))
        with made.server, made.serving():
            made.until(lambda: all(ran(made).values()), "each view's policy ran by itself")
            yield made
    finally:
        containers.close()


def ran(office: Office) -> dict[int, int]:
    """How often each refresh policy has run, those left out that are at it."""
    return dict(
        office.site.database.rows(
            DATABASE,
            "SELECT job_id, CASE WHEN job_status <> 'Running' THEN total_runs ELSE 0 END"
            " FROM timescaledb_information.jobs"
            " LEFT JOIN timescaledb_information.job_stats USING (job_id)"
            " WHERE proc_name = 'policy_refresh_continuous_aggregate' ORDER BY job_id",
        )
    )


def number(office: Office, procedure: str, *, scheduled: bool = True, last: bool = True) -> int:
    """The newest job, or the oldest, of a procedure."""
    rows = office.site.database.rows(DATABASE, NUMBERS)
    found = sorted(n for n, name, on in rows if (name, on) == (procedure, scheduled))
    return int(found[-1 if last else 0])


def ended(run: Run) -> tuple[str, str]:
    """How a run ended, and its sentence."""
    run.office.until(lambda: run.outcome, "the end")
    return run.outcome, run.sentence


def old_chunks(office: Office) -> int:
    query = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'old'"
    [(count,)] = office.site.database.rows(DATABASE, query)
    return int(count)


def test_a_policy_on_a_view_on_a_view_is_run_and_shows_what_it_refreshed(office: Office) -> None:
    job = number(office, "policy_refresh_continuous_aggregate")
    before = ran(office)[job]
    office.site.database.rows(
        DATABASE,
        "INSERT INTO influx_data SELECT now() - interval '9 days', 900, 1, 'late' RETURNING 1",
    )
    for view in ("influx_agg_1m", "influx_agg_10m", "influx_agg_1h"):
        with office.site.database.connect(DATABASE) as connection:
            connection.execute("CALL public.refresh_continuous_aggregate(%s, NULL, NULL)", [view])
    run = office.ask(f"/runjob {job} main")
    outcome, sentence = ended(run)
    assert outcome == "succeeded", sentence
    assert f"job {job}, policy_refresh_continuous_aggregate of " in sentence
    assert "1 range refreshed" in sentence
    assert ran(office)[job] == before + 1
    assert run.verdicts == []


def test_a_job_runs_as_its_owner_who_did_not_become_superuser(office: Office) -> None:
    outcome, sentence = ended(office.ask(f"/runjob {number(office, 'good')} main"))
    assert outcome == "succeeded", sentence
    assert "its effect can't be seen from outside" in sentence
    rows = office.site.database.rows(DATABASE, "SELECT DISTINCT who FROM ran")
    assert rows == [(f"{OWNER} {OWNER}",)]


def test_a_job_that_fails_shows_its_error_and_no_rows(office: Office) -> None:
    run = office.ask(f"/runjob {number(office, 'bad')} main")
    outcome, sentence = ended(run)
    assert outcome == "failed"
    assert ": no luck (" in sentence
    assert "4711" not in str([draft.detail for draft in run.log()])
    assert not any("4711" in m.text for m in office.workspace.channel("ops").thread(run.card().ts))


def test_a_retention_job_waits_for_approval_and_says_how_much_would_go(office: Office) -> None:
    job = number(office, "policy_retention")
    run = office.ask(f"/runjob {job} main")
    run.until(lambda: run.gates, "a gate")
    assert "Would be dropped for good: 2 chunks older than 2 days 01:00:00." in run.gate.text
    run.vote(office["ben"], VETO)
    assert ended(run)[0] == "not approved"
    assert old_chunks(office) == 5


def test_refresh_repair_and_another_job_are_refused_while_a_run_holds_the_target(
    office: Office,
) -> None:
    waiting = office.ask(f"/runjob {number(office, 'policy_retention')} main")
    waiting.until(lambda: waiting.gates, "a gate")
    for line in ("/refresh all main", "/repair main", f"/runjob {number(office, 'good')} main"):
        assert f"main is busy: run {waiting.id} of tsbot" in office.say("ana", line), line
        assert office.log("command")[-1].detail["code"] == "busy"
    assert waiting.started == []
    waiting.vote(office["ben"], VETO)
    assert ended(waiting)[0] == "not approved"


def test_an_approved_retention_job_is_run_and_shows_what_it_dropped(office: Office) -> None:
    run = office.ask(f"/runjob {number(office, 'policy_retention')} main")
    run.until(lambda: run.gates, "a gate")
    assert run.started == []
    run.approve()
    outcome, sentence = ended(run)
    assert (outcome, run.started) == ("succeeded", ["run_retention"]), sentence
    assert "2 chunks dropped" in sentence
    assert old_chunks(office) == 3


def test_an_unknown_job_is_refused_with_a_list_and_a_paused_one_with_the_reason(
    office: Office,
) -> None:
    paused = number(office, "good", scheduled=False)
    assert f"Job {paused} (good) is paused" in office.say("ana", f"/runjob {paused} main")
    answer = office.say("ana", "/runjob 4711 main")
    first = number(office, "policy_refresh_continuous_aggregate", last=False)
    assert f"There is no job 4711 of yours; there is: {first} (policy_refresh_" in answer


def test_without_a_scheduler_the_job_is_refused_not_waited_for(office: Office) -> None:
    with office.site.database.connect(DATABASE) as connection:
        connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
        try:
            outcome, sentence = ended(office.ask(f"/runjob {number(office, 'good')} main"))
        finally:
            connection.execute("SELECT _timescaledb_functions.start_background_workers()")
    assert outcome == "refused"
    assert f"Nobody would run it: no scheduler for {DATABASE}." in sentence
