"""What a restore brought back is held against its dump, on a real server.

One dump is restored once, into a database that each test damages a copy of.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from psycopg import sql

from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core.comparison import Restored, compare
from bot.core.dump import DumpReader
from bot.core.errors import Refused
from bot.core.manifest import Manifest
from bot.core.models import Check, ContainerRef, Target, Verdict
from bot.core.toc import Toc, list_file
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample
from tests.docker.tsbot import DEFAULT_ENGINE

SOURCE = "compared"
SIDE = "compared_side"
TARGET = Target("prod", SOURCE, ContainerRef("db"), "/backup")
MORE = """
CREATE TABLE "odd ""name.
,(x" ("a b" int PRIMARY KEY, "t,(" text);
INSERT INTO "odd ""name.
,(x" VALUES (1, E'a\\n\\\\.\\nCOPY public.notes (n) FROM stdin;\\n'), (2, '\\.'), (3, NULL);
CREATE TABLE bare ();
INSERT INTO bare DEFAULT VALUES;
CREATE TABLE parted (n int, note text) PARTITION BY RANGE (n);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted SELECT n, 'x' FROM generate_series(1, 7) n;
CREATE TABLE parent (n int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2), (3);
CREATE VIEW seen AS SELECT n FROM notes;
CREATE SEQUENCE numbers OWNED BY notes.n;
GRANT SELECT (n), UPDATE (text) ON notes TO sample_reader;
GRANT USAGE ON SEQUENCE numbers TO PUBLIC;
CREATE SCHEMA ops AUTHORIZATION sample_owner;
GRANT ALL ON SCHEMA ops TO sample_reader;
SELECT lo_create(0);
"""


@dataclass(frozen=True)
class Bench:
    """A server with a dump, and a database that it was restored into."""

    container: DatabaseContainer
    cluster: PostgresCluster
    reader: DumpReader
    path: str
    toc: Toc
    manifest: Manifest

    def checks(self, database: str = SIDE) -> dict[str, Check]:
        """Hold a database against the dump."""
        side = self.cluster.database(database)
        rows = side.count_rows(self.manifest.rows or {})
        views = side.continuous_aggregates()
        found = Restored(side.inventory(), side.jobs(), views, rows)
        return {c.name: c for c in compare(TARGET, self.toc, self.manifest, found)}

    @contextmanager
    def damaged(self, statement: str) -> Iterator[dict[str, Check]]:
        """Lend what is found in a copy after one statement."""
        name = f"damaged_{secrets.token_hex(3)}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        self.cluster.allow_connections(SIDE, False)  # a template must have no sessions
        with self.container.connect() as connection:
            connection.execute(end, [SIDE])
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(SIDE)))
        self.cluster.allow_connections(SIDE, True)
        try:
            with self.container.connect(name) as connection:
                connection.execute(statement.encode())
            yield self.checks(name)
        finally:
            self.cluster.drop_database(name)


@pytest.fixture(scope="module")
def bench(prepared: Prepared) -> Iterator[Bench]:
    containers = prepared.containers.of_test()
    try:
        container = containers.database(database=DATABASE)
        create_sample(container, SOURCE)
        with container.connect(SOURCE) as connection:
            connection.execute(MORE)
        path = take_dump(container, SOURCE)
        cluster = PostgresCluster(container.dsn())
        host = DockerHost(os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE)
        reader = DumpReader(host, container.id, "postgres")
        toc, manifest = reader.toc(path), reader.read(path)
        _restore(container, cluster, toc, path)
        yield Bench(container, cluster, reader, path, toc, manifest)
        host.close()
    finally:
        containers.close()


def _restore(container: DatabaseContainer, cluster: PostgresCluster, toc: Toc, path: str) -> None:
    """Do what the run's steps do, up to the comparison."""
    cluster.create_database(SIDE, None, "")
    side = cluster.database(SIDE)
    for extension in ("timescaledb", *toc.extensions()):
        side.create_extension(extension)
    side.pre_restore()
    listing = list_file(e for e in toc.entries if not e.extension)
    cluster.write_file("/tmp/side.list", listing.encode())
    code, output = container.exec("pg_restore", f"--dbname={SIDE}", "-L", "/tmp/side.list", path)
    assert code == 0, output
    side.post_restore()


def test_a_faithful_restore_is_green_in_every_point(bench: Bench) -> None:
    found = bench.checks()
    assert {c.name: c.evidence for c in found.values() if c.verdict is not Verdict.OK} == {}
    assert len(found) == 12


def test_rows_are_those_that_the_server_counts(bench: Bench) -> None:
    rows = bench.manifest.rows
    assert rows is not None
    assert rows["public", 'odd "name.\n,(x'] == 3
    assert (rows["public", "bare"], rows["public", "parted_1"]) == (1, 7)
    assert (rows["public", "parent"], rows["public", "child"]) == (1, 2)
    chunks = sum(n for (schema, _), n in rows.items() if schema == "_timescaledb_internal")
    query = "SELECT count(*) FROM influx_data"
    assert bench.container.rows(SOURCE, query) == [(chunks,)]


@pytest.mark.parametrize(
    ("statement", "name", "evidence"),
    [
        ("DELETE FROM notes WHERE n = 1", "rows", "public.notes has 8 instead of 9"),
        ("INSERT INTO child VALUES (9)", "rows", "public.child has 3 instead of 2"),
        ("DROP TABLE child", "tables", "public.child"),
        ("DROP INDEX sensors_name_trgm", "indexes", "public.sensors_name_trgm"),
        (
            "ALTER TABLE sensors DROP CONSTRAINT sensors_pkey",
            "constraints",
            "public.sensors sensors_pkey",
        ),
        ("DROP VIEW seen", "views and sequences", "public.seen"),
        ("DROP TABLE influx_data", "hypertables", "public.influx_data"),
        ("SELECT drop_chunks('influx_data', now())", "chunks", "_hyper_1_1_chunk"),
        ("DROP EXTENSION pg_trgm CASCADE", "extensions", "missing: pg_trgm"),
        (
            "ALTER TABLE sensors OWNER TO postgres",
            "owners",
            "public.sensors belongs to postgres instead of sample_owner",
        ),
        (
            "ALTER SCHEMA ops OWNER TO postgres",
            "owners",
            "ops belongs to postgres instead of sample_owner",
        ),
        (
            "REVOKE SELECT ON sensors FROM sample_reader",
            "grants",
            "sample_reader: SELECT on public.sensors",
        ),
        (
            "REVOKE UPDATE (text) ON notes FROM sample_reader",
            "grants",
            "sample_reader: UPDATE(text) on public.notes",
        ),
        (
            "REVOKE USAGE ON SEQUENCE numbers FROM PUBLIC",
            "grants",
            "PUBLIC: USAGE on public.numbers",
        ),
        (
            "REVOKE CREATE ON SCHEMA ops FROM sample_reader",
            "grants",
            "sample_reader: CREATE on ops",
        ),
    ],
)
def test_each_difference_is_a_failed_check_that_names_it(
    bench: Bench, statement: str, name: str, evidence: str
) -> None:
    with bench.damaged(statement) as found:
        assert found[name].verdict is Verdict.FAILED
        assert evidence in found[name].evidence


def test_without_counting_all_but_the_rows_is_the_same(bench: Bench) -> None:
    uncounted = bench.reader.read(bench.path, count_rows=False)
    assert uncounted == replace(bench.manifest, rows=None)


def test_rows_as_inserts_are_refused_because_nothing_could_be_compared(bench: Bench) -> None:
    path = "/backup/inserts.dump"
    argv = ("pg_dump", "-U", "postgres", "-Fc", "--inserts", f"--file={path}", SOURCE)
    assert bench.container.exec(*argv)[0] == 0
    for counting in (True, False):
        with pytest.raises(Refused, match="INSERT"):
            bench.reader.read(path, count_rows=counting)
