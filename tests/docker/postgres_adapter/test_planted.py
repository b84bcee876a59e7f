"""An ordinary owner of the database plants code; our superuser's sessions must not run it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.errors import DatabaseRefused
from tests.docker.containers import DatabaseContainer
from tests.docker.environment import Prepared

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

# Whose rights it has shows in the sequence, which no rollback takes back; RESET gives a superuser
# back what was only put aside.
LOOT = """
CREATE SCHEMA rogue;
CREATE SEQUENCE rogue.loot;
CREATE FUNCTION rogue.steal() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        RESET SESSION AUTHORIZATION;
        RESET ROLE;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        PERFORM nextval('rogue.loot');
    END IF;
    RETURN true;
END $$;
"""
CRON = """
CREATE SCHEMA cron;
CREATE VIEW cron.job AS
SELECT 1::bigint AS jobid, '* * * * *' AS schedule, 'SELECT 1' AS command, 'x' AS database,
       'x' AS username, rogue.steal() AS active;
"""
RESTART = """
CREATE SCHEMA _timescaledb_functions;
CREATE FUNCTION _timescaledb_functions.restart_background_workers() RETURNS bool
LANGUAGE sql AS 'SELECT rogue.steal()';
"""
POST_RESTORE = """
CREATE FUNCTION public.timescaledb_post_restore(VARIADIC integer[] DEFAULT '{}') RETURNS bool
LANGUAGE sql AS 'SELECT rogue.steal()';
"""
JOB_TABLE = """
CREATE SCHEMA _timescaledb_config;
CREATE TABLE _timescaledb_config.bgw_job (id int, scheduled bool);
INSERT INTO _timescaledb_config.bgw_job VALUES (1000, true);
CREATE FUNCTION rogue.fired() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM rogue.steal(); RETURN NEW; END $$;
CREATE TRIGGER fired BEFORE UPDATE ON _timescaledb_config.bgw_job
FOR EACH ROW EXECUTE FUNCTION rogue.fired();
"""
SHOW_CHUNKS = """
CREATE FUNCTION public.show_chunks(relation regclass, older_than interval) RETURNS SETOF regclass
LANGUAGE sql AS 'SELECT NULL::regclass WHERE rogue.steal()';
"""
CHECKED = """
CREATE PROCEDURE rogue.work(job_id int, config jsonb) LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE FUNCTION rogue.checked(config jsonb) RETURNS void LANGUAGE sql AS 'SELECT rogue.steal()';
SELECT public.add_job('rogue.work', '1h', config => '{"a": 1}', check_config => 'rogue.checked',
                      initial_start => now() + interval '1 day');
ALTER SEQUENCE rogue.loot RESTART;
"""
HYPERTABLE = """
CREATE TABLE rogue.raw (ts timestamptz NOT NULL, v float8);
SELECT public.create_hypertable('rogue.raw', 'ts');
INSERT INTO rogue.raw VALUES ('2024-01-01 12:00Z', 1);
"""
INDEXED = (
    HYPERTABLE
    + """
CREATE FUNCTION rogue.always(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE INDEX ON rogue.raw (v) WHERE rogue.always(1);
CREATE OR REPLACE FUNCTION rogue.always(int) RETURNS bool IMMUTABLE LANGUAGE sql
AS 'SELECT rogue.steal()';
"""
)
# The index's function leaves work for the end of the transaction, when its owner's rights are over.
DEFERRED = """
CREATE SEQUENCE rogue.called;
CREATE TABLE rogue.noted (at timestamptz);
CREATE FUNCTION rogue.fired() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM rogue.steal(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER fired AFTER INSERT ON rogue.noted DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION rogue.fired();
CREATE FUNCTION rogue.note() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('rogue.called');
    INSERT INTO rogue.noted VALUES (now());
    RETURN true;
END $$;
""" + INDEXED.replace("rogue.steal()", "rogue.note()")
PARTITIONED = """
CREATE TABLE rogue.raw (ts timestamptz NOT NULL, v float8);
CREATE FUNCTION rogue.part(timestamptz) RETURNS timestamptz IMMUTABLE LANGUAGE sql
AS 'SELECT $1';
SELECT public.create_hypertable('rogue.raw', 'ts', time_partitioning_func => 'rogue.part');
INSERT INTO rogue.raw VALUES ('2024-01-01 12:00Z', 1);
CREATE OR REPLACE FUNCTION rogue.part(timestamptz) RETURNS timestamptz IMMUTABLE LANGUAGE sql
AS 'SELECT CASE WHEN rogue.steal() THEN $1 END';
"""
CAST = """
CREATE SCHEMA timestamps;
CREATE TYPE timestamps.odd AS ENUM ('a');
CREATE FUNCTION rogue.part(timestamps.odd) RETURNS timestamptz IMMUTABLE LANGUAGE sql
AS $$ SELECT '2024-01-01 12:00Z'::timestamptz $$;
CREATE TABLE rogue.raw (ts timestamps.odd NOT NULL);
SELECT public.create_hypertable('rogue.raw', 'ts', time_partitioning_func => 'rogue.part');
INSERT INTO rogue.raw VALUES ('a');
CREATE FUNCTION rogue.as_time(timestamps.odd) RETURNS timestamptz LANGUAGE sql
AS $$ SELECT '2024-01-01 12:00Z'::timestamptz WHERE rogue.steal() $$;
CREATE CAST (timestamps.odd AS timestamptz) WITH FUNCTION rogue.as_time AS IMPLICIT;
"""
# Who may create in a database owns the trusted extensions they create there. These two are not
# trusted, so a superuser writes down the owner, and makes room for what the owner adds.
OWNED_TIMESCALEDB = """
UPDATE pg_extension SET extowner = {role}::regrole WHERE extname = 'timescaledb';
ALTER EXTENSION timescaledb DROP FUNCTION _timescaledb_functions.restart_background_workers();
DROP FUNCTION _timescaledb_functions.restart_background_workers();
GRANT CREATE ON SCHEMA _timescaledb_functions TO PUBLIC;
"""
OWNED_PG_CRON = """
UPDATE pg_extension SET extowner = {role}::regrole, extname = 'pg_cron' WHERE extname = 'plpgsql';
"""


@pytest.fixture
def rogue(
    shared_database: DatabaseContainer, scratch_database: str, role: str
) -> Iterator[Callable[[str], None]]:
    """Plants something as the database's owner, who is no superuser."""
    with shared_database.connect() as connection:
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))  # has jobs
        owned = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        connection.execute(owned.format(sql.Identifier(scratch_database), sql.Identifier(role)))

    def plant(code: str) -> None:
        with shared_database.connect(scratch_database) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            connection.execute(code)

    plant(LOOT)
    yield plant
    with shared_database.connect() as connection:
        gone = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(gone.format(sql.Identifier(scratch_database)))


@pytest.fixture
def database(cluster: PostgresCluster, scratch_database: str) -> PostgresDatabase:
    return cluster.database(scratch_database)


def stolen(shared_database: DatabaseContainer, database: PostgresDatabase) -> bool:
    """Whether planted code has run as superuser."""
    return shared_database.rows(database.name, "SELECT is_called FROM rogue.loot") == [(True,)]


def called(shared_database: DatabaseContainer, database: PostgresDatabase) -> bool:
    """Whether the planted code that only notes its call has run, as whoever."""
    return shared_database.rows(database.name, "SELECT is_called FROM rogue.called") == [(True,)]


Call = Callable[[PostgresDatabase], object]

CRON_TABLE = CRON.replace("VIEW cron.job AS", "TABLE cron.job AS").replace(
    "rogue.steal()", "true"
) + JOB_TABLE.partition("VALUES (1000, true);")[2].replace(
    "_timescaledb_config.bgw_job", "cron.job"
)

WITHOUT: dict[str, tuple[str, Call]] = {
    "a view called cron.job": (CRON, lambda d: d.cron_jobs()),
    "a trigger on a table called cron.job": (
        CRON_TABLE,
        lambda d: d.set_cron_active([1], active=False),
    ),
    "a function that restarts workers": (RESTART, lambda d: d.restart_workers()),
    "a trigger on a table called bgw_job": (JOB_TABLE, lambda d: d.set_scheduled([1000], False)),
}
BESIDE: dict[str, tuple[str, Call]] = {
    "a closer show_chunks()": (HYPERTABLE + SHOW_CHUNKS, lambda d: d.would_drop(1000)),
    "a partitioning function, newest row": (PARTITIONED, lambda d: d.newest_row()),
    "a partitioning function, rows after": (PARTITIONED, lambda d: d.rows_after(NOON)),
    "an index's predicate, newest row": (INDEXED, lambda d: d.newest_row()),
    "an index's predicate, rows after": (INDEXED, lambda d: d.rows_after(NOON)),
    "an implicit cast": (CAST, lambda d: d.rows_after(NOON)),
}
ADDED: dict[str, tuple[str, str, Call, str]] = {
    "a function": (
        OWNED_TIMESCALEDB,
        RESTART.replace("CREATE SCHEMA _timescaledb_functions;", "") + "ALTER EXTENSION timescaledb"
        " ADD FUNCTION _timescaledb_functions.restart_background_workers()",
        lambda d: d.restart_workers(),
        "that is not timescaledb's; a superuser must not call it",
    ),
    "a table": (
        OWNED_PG_CRON,
        CRON_TABLE + "ALTER EXTENSION pg_cron ADD TABLE cron.job",
        lambda d: d.set_cron_active([1], active=False),
        "pg_cron is not installed",
    ),
}


def test_a_jobs_own_check_does_not_run_as_superuser_when_it_is_made_due(
    rogue: Callable[[str], None],
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
    prepared: Prepared,
) -> None:
    if not prepared.versions.is_community:
        pytest.skip("this edition has no jobs of one's own")
    database.create_extension("timescaledb")
    rogue(CHECKED)
    [job] = [job for job in database.jobs() if job.procedure == "work"]
    database.kick(job.id)
    assert not stolen(shared_database, database)
    [job] = [job for job in database.jobs() if job.procedure == "work"]
    assert job.runs or job.running or (job.next_start and job.next_start <= datetime.now(UTC))


@pytest.mark.parametrize("name", WITHOUT)
def test_what_looks_like_an_extension_is_not_taken_for_it(
    name: str,
    rogue: Callable[[str], None],
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
) -> None:
    code, call = WITHOUT[name]
    rogue(code)
    with suppress(DatabaseRefused):
        call(database)
    assert not stolen(shared_database, database)


@pytest.mark.parametrize("name", BESIDE)
def test_code_planted_beside_the_extension_does_not_run_as_superuser(
    name: str,
    rogue: Callable[[str], None],
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
    role: str,
) -> None:
    code, call = BESIDE[name]
    database.create_extension("timescaledb")
    rogue(code)
    with suppress(psycopg.Error), shared_database.connect(database.name) as connection:
        connection.execute(
            "SELECT public.add_retention_policy('rogue.raw', interval '1 day')"
        )  # community edition alone
    with suppress(DatabaseRefused):
        call(database)
    assert not stolen(shared_database, database)


@pytest.mark.parametrize("kind", ADDED)
def test_what_an_ordinary_owner_added_to_an_extension_is_neither_called_nor_written(
    kind: str,
    rogue: Callable[[str], None],
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
    role: str,
) -> None:
    owned, code, call, refusal = ADDED[kind]
    database.create_extension("timescaledb")
    with shared_database.connect(database.name) as connection:
        connection.execute(owned.format(role=sql.quote(sql.Identifier(role).as_string())))
    rogue(code)
    with pytest.raises(DatabaseRefused, match=refusal):
        call(database)
    assert not stolen(shared_database, database)


@pytest.mark.parametrize(
    "read",
    [lambda d: d.newest_row(), lambda d: d.rows_after(NOON)],
    ids=["newest row", "rows after"],
)
def test_what_an_index_s_function_leaves_for_the_commit_never_comes_to_run(
    read: Call,
    rogue: Callable[[str], None],
    database: PostgresDatabase,
    shared_database: DatabaseContainer,
) -> None:
    database.create_extension("timescaledb")
    rogue(DEFERRED)
    assert not called(shared_database, database)
    read(database)
    assert called(shared_database, database)
    assert not stolen(shared_database, database)
    assert shared_database.rows(database.name, "SELECT FROM rogue.noted") == []
