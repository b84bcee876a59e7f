"""Cancelling in the middle of pg_restore ends it, in the container and in the server."""

from collections.abc import Iterator

import pytest

from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample
from tests.docker.tsbot import Installation, age, installed

# Loading either table waits for a role that never appears; a parallel restore waits in both.
HELD = """
CREATE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE TABLE held_one (n int CHECK (held(n)));
CREATE TABLE held_two (n int CHECK (held(n)));
INSERT INTO held_one VALUES (1);
INSERT INTO held_two VALUES (1);
CREATE OR REPLACE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS '
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''go_on'') LOOP
        PERFORM pg_catalog.pg_sleep(0.05);
    END LOOP;
    RETURN true;
END';
"""
HOLDING = """
SELECT pid FROM pg_stat_activity
 WHERE application_name LIKE 'tsbot-restore-%%' AND query LIKE 'COPY public.held_%%'
"""
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tsbot-restore-%%'"


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("cancel")) as made:
        create_sample(made.database)
        yield made


@pytest.fixture(scope="module")
def held(installation: Installation) -> str:
    """A dump whose restore does not come to its end, of a database that has no such tables."""
    database = installation.database
    with database.connect(DATABASE) as connection:
        connection.execute(HELD)
        file = age(database, take_dump(database, name="held.dump"))
        connection.execute("DROP TABLE held_one, held_two")
        connection.execute("DROP FUNCTION held")
    return file


def programs(installation: Installation) -> list[str]:
    """What runs in the database's container beside the server's own processes."""
    top = installation.database.container.top()
    command = top["Titles"].index("CMD")
    return [row[command] for row in top["Processes"] if "pg_restore" in row[command]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_cancelling_ends_pg_restore_in_the_container_and_in_the_server(
    installation: Installation, held: str, jobs: int
) -> None:
    before = installation.state()
    database = installation.database
    with installation.having(restore_jobs=jobs).restoring(held, "--yes") as running:
        running.until(lambda: len(database.rows("postgres", HOLDING)) == jobs, "held tables")
        assert any("pg_restore" in command for command in programs(installation))
        running.terminate()
        finished = running.finish()
    assert finished.outcome.draft.status == "cancelled"
    assert programs(installation) == []
    assert database.rows("postgres", SESSIONS) == []
    after = installation.state()
    assert (after.databases, after.settings) == (before.databases, before.settings)
    assert [life[0] for life in after.containers.values()] == [
        life[0] for life in before.containers.values()
    ]
    assert database.exec("sh", "-c", "ls $PGDATA | grep -c '^tsbot-'")[1].strip() == "0"
