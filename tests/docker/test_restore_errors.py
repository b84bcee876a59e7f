"""What a real pg_restore says of broken dumps and of servers that lack something, and its class."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.core.models import Verdict
from bot.core.pg_errors import KNOWN, ErrorCollector, RestoreErrors, Severity
from tests.docker.containers import PGDATA, DatabaseContainer
from tests.docker.dumps import DIRECTORY, take_dump, truncated
from tests.docker.environment import Prepared
from tests.docker.restoring import Bench

SOURCE = """
CREATE ROLE lost_reader;
CREATE ROLE lost_owner;
CREATE ROLE kept_reader;
CREATE EXTENSION gh0stxx;
CREATE SCHEMA pub1ic;
CREATE TABLE granted AS SELECT 1 AS n;
GRANT SELECT ON granted TO kept_reader, lost_reader;
CREATE TABLE owned AS SELECT 1 AS n;
ALTER TABLE owned OWNER TO lost_owner;
CREATE TABLE placed TABLESPACE lost_space AS SELECT 1 AS n;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (parent int REFERENCES parent);
SET session_replication_role = replica;
INSERT INTO child VALUES (1);
RESET session_replication_role;
CREATE TABLE limits AS SELECT 9 AS top;
CREATE FUNCTION top() RETURNS int LANGUAGE plpgsql SET search_path = public
    AS 'BEGIN RETURN (SELECT top FROM limits); END';
CREATE MATERIALIZED VIEW tops AS SELECT public.top();
CREATE TABLE limited (n int CHECK (n <= public.top()));
INSERT INTO limited VALUES (1);
ALTER FUNCTION top() RESET search_path;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO lost_reader;
"""
LOST = (
    "DROP DATABASE source",
    "DROP TABLESPACE lost_space",
    "DROP ROLE lost_reader",
    "DROP ROLE lost_owner",
)
EXTENSIONS = "$(pg_config --sharedir)/extension"


def shell(server: DatabaseContainer, script: str, user: str = "postgres") -> str:
    code, output = server.exec("bash", "-euc", script, user=user)
    assert code == 0, output
    return output


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Iterator[DatabaseContainer]:
    """A server with a small disk that lacks what the dump `source.dump` speaks of."""
    containers = prepared.containers.of_test()
    try:
        server = containers.database("errors", disk="300m")
        _dump(server)
        yield server
    finally:
        containers.close()


def _dump(server: DatabaseContainer) -> None:
    home = server.rows("postgres", "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'")[0][0]
    ghost = f"{home}/extension/gh0stxx"
    lines = r"default_version = '1'\nrelocatable = true\n"
    shell(server, f'printf "{lines}" > {ghost}.control; touch {ghost}--1.sql', "root")
    shell(server, "mkdir /tmp/lost")
    with server.connect() as connection:
        connection.execute("CREATE DATABASE source TEMPLATE template0")
        connection.execute("CREATE TABLESPACE lost_space LOCATION '/tmp/lost'")
    with server.connect("source") as connection:
        connection.execute(SOURCE)
    with server.connect() as connection:
        connection.execute("CREATE DATABASE to_repair TEMPLATE template0")
    with server.connect("to_repair") as connection:
        connection.execute("CREATE EXTENSION timescaledb")
    dump = take_dump(server, "source", "source.dump")
    with server.connect() as connection:
        for statement in LOST:
            connection.execute(statement)
    shell(server, f"rm {ghost}.control", "root")
    _make_older(server, dump)


def _make_older(server: DatabaseContainer, dump: str) -> None:
    """Let the dump create schema public, as those of PostgreSQL 14 do, and plpgsql, as long ago."""
    older = (
        (f"{DIRECTORY}/public.dump", "s/pub1ic/public/g"),
        (f"{DIRECTORY}/plpgsql.dump", "s/IF NOT EXISTS gh0stxx/              plpgsql/"),
    )
    for path, edit in older:
        shell(server, f"LC_ALL=C sed '{edit}' {dump} > {path}")


@dataclass(frozen=True)
class Said:
    """How a pg_restore ended: its error lines and what they mean."""

    lines: tuple[str, ...]
    errors: RestoreErrors


def restored(server: DatabaseContainer, dump: str, *options: str) -> Said:
    """Restore a dump into a new database, which is dropped again, and class what was said."""
    with server.connect() as connection:
        connection.execute("DROP DATABASE IF EXISTS target WITH (FORCE)")
        connection.execute("CREATE DATABASE target TEMPLATE template0")
    argv = ("pg_restore", "--verbose", "-U", "postgres", "-d", "target", *options)
    code, output = server.exec(*argv, f"{DIRECTORY}/{dump}")
    collector = ErrorCollector()
    for line in output.splitlines():
        collector.take(line)
    return Said(tuple(output.splitlines()), collector.verdict(code))


@pytest.fixture(scope="module")
def said(server: DatabaseContainer) -> Said:
    return restored(server, "source.dump")


def test_a_role_that_is_missing_in_grants_and_default_privileges_is_said_once(said: Said) -> None:
    [repair] = [r for r in said.errors.repairable if 'role "lost_reader"' in r.error]
    assert repair.times == 2
    assert repair.remedy == 'CREATE ROLE "lost_reader"; then restore all access lists again'


def test_the_run_says_what_to_type_and_typing_it_repairs(server: DatabaseContainer) -> None:
    role, entry = "typed_reader", "SELECT has_table_privilege('kept_reader', 'granted', 'SELECT')"
    with server.connect("to_repair") as connection:
        connection.execute(f"CREATE ROLE {role}")
        connection.execute("CREATE TABLE granted AS SELECT 1 AS n")
        connection.execute(f"GRANT SELECT ON granted TO kept_reader, {role}")
        connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}")
    take_dump(server, "to_repair", "to_repair.dump")
    with server.connect("to_repair") as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    restoring = Bench(server, "to_repair.dump", settings={"disk_floor": 0, "database": "mended"})
    side, outcome = restoring.restore("ab12cd")
    [check] = outcome.checks
    assert check.verdict is Verdict.FAILED
    assert "(2 times)" in check.evidence
    assert "1 to be repaired by hand" in outcome.summary
    assert outcome.facts["repairable"] == [f"{check.evidence}; {check.remedy}"]
    sql, _, command = check.remedy.partition("; then restore all access lists again: ")
    restoring.cluster.rename((side, "mended"))  # as the cut-over does
    assert server.rows("mended", entry) == [(False,)]
    with server.connect() as connection:
        connection.execute(sql.encode())
    assert shell(server, command) == ""
    assert server.rows("mended", entry) == [(True,)]


def test_a_view_that_could_not_be_refreshed_is_repaired_as_the_remedy_says(
    server: DatabaseContainer, said: Said
) -> None:
    [repair] = [r for r in said.errors.repairable if "REFRESH" in r.remedy]
    assert 'relation "limits" does not exist' in repair.error
    statement = repair.remedy.partition("then: ")[2]
    with server.connect("target") as connection:
        connection.execute("ALTER FUNCTION public.top() SET search_path = public")
        connection.execute(statement.encode())
        assert connection.execute("TABLE tops").fetchall() == [(9,)]


def test_what_lay_in_a_missing_tablespace_is_whole_elsewhere(
    server: DatabaseContainer, said: Said
) -> None:
    [repair] = [r for r in said.errors.repairable if "TABLESPACE" in r.remedy]
    assert 'SET TABLESPACE "lost_space"' in repair.remedy
    assert server.rows("target", "TABLE placed") == [(1,)]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ('role "lost_owner" does not exist', "would belong to the restoring superuser"),
        ('extension "gh0stxx" is not available', "what needs the extension is missing"),
        ("violates foreign key constraint", "the dump's own rows contradict its constraint"),
        ('COPY failed for table "limited"', "rows of the table are missing"),
    ],
)
def test_what_leaves_the_data_wrong_or_incomplete_is_fatal(
    said: Said, words: str, reason: str
) -> None:
    [error] = [e for e in said.errors.fatal if words in e]
    assert reason in error


def test_every_error_of_the_broken_dump_has_been_looked_at(said: Said) -> None:
    found = said.errors
    assert (len(found.fatal), len(found.repairable), found.harmless) == (4, 3, ()), found


@pytest.mark.parametrize(
    ("dump", "words"),
    [("public.dump", 'schema "public" already'), ("plpgsql.dump", 'extension "plpgsql" already')],
)
def test_what_every_new_database_has_already_is_harmless(
    server: DatabaseContainer, dump: str, words: str
) -> None:
    found = restored(server, dump).errors
    assert [e for e in found.harmless if words in e] == list(found.harmless) != []
    assert not any("already exists" in e for e in found.fatal)


@pytest.mark.fault("unusable dump")
def test_a_truncated_dump_is_fatal(server: DatabaseContainer) -> None:
    path = truncated(server, f"{DIRECTORY}/source.dump")
    found = restored(server, path.rpartition("/")[2]).errors
    assert any("cannot be read to its end" in e for e in found.fatal), found


@pytest.mark.fault("unusable dump")
def test_a_dump_of_a_newer_pg_dump_is_fatal(server: DatabaseContainer) -> None:
    path = f"{DIRECTORY}/newer.dump"
    byte = f"printf '\\143' | dd of={path} bs=1 seek=6 conv=notrunc status=none"
    shell(server, f"cp {DIRECTORY}/source.dump {path}; {byte}")
    [error] = restored(server, "newer.dump").errors.fatal
    assert "a newer pg_dump made the dump" in error


@pytest.mark.fault("disk full")
def test_a_full_disk_is_fatal_in_a_serial_and_in_a_parallel_restore(
    server: DatabaseContainer,
) -> None:
    with server.connect() as connection:
        connection.execute("CREATE DATABASE big TEMPLATE template0")
    with server.connect("big") as connection:
        for n in "12":
            connection.execute(
                f"CREATE TABLE t{n} AS SELECT n, repeat('x', 500) FROM generate_series(1, 30000) n"
            )
    take_dump(server, "big", "big.dump")
    with server.connect() as connection:
        connection.execute("DROP DATABASE big")
        connection.execute("CHECKPOINT")
    filler = f"{PGDATA}/filler"
    free = int(shell(server, f"df -Pk {PGDATA} | tail -1 | awk '{{print $4}}'"))
    shell(server, f"fallocate -l {free - (24 << 10)}K {filler}")
    try:
        for options in ((), ("--jobs=2",)):
            found = restored(server, "big.dump", *options).errors
            assert any("the server's disk is full" in e for e in found.fatal), found
    finally:
        shell(server, f"rm {filler}")


def test_each_known_error_has_its_class_and_its_reason() -> None:
    assert {known.severity for known in KNOWN} == set(Severity)
    assert all(known.reason for known in KNOWN)
    assert all(k.remedy for k in KNOWN if k.severity is Severity.REPAIRABLE)
