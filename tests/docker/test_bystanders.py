"""Preflight names what blocks a cut-over, stays behind or is cut off, each with its remedy.

One server for all of them: with prepared transactions, logical decoding and archiving.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core.bystanders import Bystanders
from bot.core.disk_room import check_room, read_room
from bot.core.dump import DumpReader
from bot.core.errors import DatabaseRefused, Refused
from bot.core.models import BackupFile, Check, ContainerRef, Strategy, Target, Verdict
from bot.core.server_checks import ServerChecks
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.tsbot import DEFAULT_ENGINE

LIVE = "ecoanp"
SERVER = {
    "wal_level": "logical",
    "max_prepared_transactions": "5",
    "archive_mode": "on",
    "archive_command": "/bin/true",
}
GIB = 1 << 30


@dataclass(frozen=True)
class Place:
    """A server, and what preflight sees of it."""

    database: DatabaseContainer
    containers: Containers
    cluster: PostgresCluster
    host: DockerHost
    target: Target

    def checks(self, target: Target | None = None) -> dict[str, Check]:
        """All checks, by name."""
        looked = Bystanders(target or self.target, self.host, self.cluster, GIB)
        return {check.name: check for check in looked.run()}

    def until(self, name: str, verdict: Verdict) -> Check:
        """Look until a check has this verdict. Raises TimeoutError."""
        deadline = time.monotonic() + 20
        while (check := self.checks()[name]).verdict is not verdict:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{check}")
            time.sleep(0.05)
        return check

    def run(self, query: LiteralString, dbname: str = LIVE) -> None:
        """Run one statement as superuser."""
        with self.database.connect(dbname) as connection:
            connection.execute(query)


@pytest.fixture(scope="module")
def place(prepared: Prepared) -> Iterator[Place]:
    containers = prepared.containers.of_test()
    with ExitStack() as stack:
        stack.callback(containers.close)
        database = containers.database("busy", database=LIVE)
        with database.connect() as connection:
            for name, value in SERVER.items():
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(
                        sql.Identifier(name), sql.Literal(value)
                    )
                )
        database.container.restart()
        database.wait_until_ready(LIVE)
        host = DockerHost(os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE)
        stack.callback(host.close)
        target = Target("prod", LIVE, ContainerRef(database.name), "/backup")
        yield Place(database, containers, PostgresCluster(database.dsn()), host, target)


@contextmanager
def made(place: Place, make: LiteralString, unmake: LiteralString) -> Iterator[None]:
    place.run(make)
    try:
        yield
    finally:
        place.run(unmake)


def test_a_quiet_server_has_nothing_to_say_but_that_wal_is_archived(place: Place) -> None:
    found = place.checks()
    assert {n: c.evidence for n, c in found.items() if c.verdict is not Verdict.OK} == {
        "archiving": "the restore's WAL is archived, about 1.0 GiB"
    }


def test_a_prepared_transaction_fails_with_its_name_and_really_blocks_a_rename(
    place: Place,
) -> None:
    with place.database.connect(LIVE) as connection:
        connection.execute("CREATE TABLE half (n int)")
        connection.execute("BEGIN; INSERT INTO half VALUES (1)")
        connection.execute("PREPARE TRANSACTION 'order''s 7'")
    check = place.checks()["prepared transactions"]
    with pytest.raises(DatabaseRefused) as refusal:
        place.cluster.rename((LIVE, "elsewhere"))
    place.run("ROLLBACK PREPARED 'order''s 7'")
    assert check.verdict is Verdict.FAILED
    assert "“order's 7” of postgres" in check.evidence
    assert "ROLLBACK PREPARED 'order''s 7'" in check.remedy
    assert refusal.value.sqlstate == "55006"
    assert place.checks()["prepared transactions"].verdict is Verdict.OK


def test_a_logical_slot_of_the_live_database_fails_and_one_of_another_does_not(
    place: Place,
) -> None:
    make: LiteralString = "SELECT pg_create_logical_replication_slot('feed', 'pgoutput')"
    drop: LiteralString = "SELECT pg_drop_replication_slot('feed')"
    with made(place, make, drop):
        check = place.checks()["logical slots"]
    assert check.verdict is Verdict.FAILED
    assert check.evidence.endswith("feed (not in use)")
    assert "pg_drop_replication_slot('feed')" in check.remedy
    place.run(make, "postgres")
    elsewhere = place.checks()["logical slots"]
    place.run(drop, "postgres")
    assert elsewhere.verdict is Verdict.OK


def test_an_enabled_subscription_fails_and_a_disabled_one_warns(place: Place) -> None:
    place.run(
        "CREATE SUBSCRIPTION orders CONNECTION 'host=127.0.0.1 port=1 dbname=none'"
        " PUBLICATION p WITH (connect = false, slot_name = 'orders')"
    )
    try:
        disabled = place.checks()["subscriptions"]
        place.run("ALTER SUBSCRIPTION orders ENABLE")
        enabled = place.checks()["subscriptions"]
    finally:
        place.run("ALTER SUBSCRIPTION orders DISABLE")
        place.run("ALTER SUBSCRIPTION orders SET (slot_name = NONE)")
        place.run("DROP SUBSCRIPTION orders")
    assert disabled.verdict is Verdict.WARNING
    assert (enabled.verdict, enabled.evidence.endswith(": orders")) == (Verdict.FAILED, True)
    assert 'ALTER SUBSCRIPTION "orders" DISABLE' in enabled.remedy


def test_a_publication_that_the_dump_lacks_is_named(place: Place) -> None:
    with made(place, "CREATE PUBLICATION news", "DROP PUBLICATION news"):
        lacking = place.checks()["publications"]
        known = Bystanders(place.target, place.host, place.cluster, GIB, frozenset({"news"}))
        [dumped] = [c for c in known.run() if c.name == "publications"]
    assert lacking.verdict is Verdict.WARNING
    assert lacking.evidence.endswith(": news")
    assert dumped.verdict is Verdict.OK


def test_who_is_sent_the_wal_is_named_with_how_much_it_will_be(place: Place) -> None:
    argv = ["pg_receivewal", "-U", "postgres", "-D", "/tmp", "-d", "application_name=mirror"]
    place.database.container.exec_run(argv, user="postgres", detach=True)
    check = place.until("standbys", Verdict.WARNING)
    place.cluster.terminate_application("mirror")
    place.database.exec("pkill", "pg_receivewal")
    place.until("standbys", Verdict.OK)
    assert "about 1.0 GiB: mirror inside the container" in check.evidence


def test_a_physical_slot_that_nobody_reads_is_named_for_the_wal_it_keeps(place: Place) -> None:
    make: LiteralString = "SELECT pg_create_physical_replication_slot('lost', true)"
    with made(place, make, "SELECT pg_drop_replication_slot('lost')"):
        check = place.checks()["standbys"]
    assert check.verdict is Verdict.WARNING
    assert "nobody reads lost" in check.evidence


def archive_command(place: Place, command: LiteralString) -> None:
    place.run("ALTER SYSTEM SET archive_command = '" + command + "'")
    place.run("SELECT pg_reload_conf()")


def test_archiving_that_fails_or_has_no_command_fails(place: Place) -> None:
    archive_command(place, "/bin/false")
    place.run("CREATE TABLE IF NOT EXISTS filler (n int)")
    place.run("SELECT pg_switch_wal()")
    failing = place.until("archiving", Verdict.FAILED)
    archive_command(place, "")
    deadline = time.monotonic() + 20
    while "without archive_command" not in place.checks()["archiving"].evidence:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    archive_command(place, "/bin/true")
    place.until("archiving", Verdict.WARNING)
    assert "it fails (" in failing.evidence
    assert "mend archive_command" in failing.remedy


def test_clients_other_than_the_applications_are_named_with_their_transactions(
    place: Place,
) -> None:
    dsn = place.database.dsn(LIVE)
    with (
        psycopg.connect(dsn, application_name="report", autocommit=True) as first,
        psycopg.connect(dsn, application_name="report", autocommit=True) as second,
    ):
        first.execute("BEGIN")
        second.execute("SELECT 1")
        check = place.checks()["clients"]
    assert check.verdict is Verdict.WARNING
    assert "2 × report as postgres from " in check.evidence


def test_an_application_is_known_by_its_containers_address(place: Place) -> None:
    application = place.containers.application("web")
    application.reload()
    networks = place.database.container
    networks.reload()
    [network] = networks.attrs["NetworkSettings"]["Networks"].values()
    dsn = f"host={network['IPAddress']} dbname={LIVE} user=postgres application_name=shop"
    application.exec_run(
        ["psql", dsn, "-c", "SELECT pg_sleep(120)"],
        environment={"PGPASSWORD": place.database.password},
        detach=True,
    )
    check = place.until("clients", Verdict.WARNING)
    knowing = replace(place.target, applications=(ContainerRef(str(application.name)),))
    known = place.checks(knowing)["clients"]
    application.remove(force=True)
    place.cluster.terminate_application("shop")
    assert "shop as postgres from " in check.evidence
    assert known.verdict is Verdict.OK, known


def test_clients_of_other_databases_are_named_where_a_restart_would_end_them(
    place: Place,
) -> None:
    with psycopg.connect(place.database.dsn("postgres"), application_name="other"):
        surely = place.checks(replace(place.target, strategy=Strategy.IN_PLACE))["other databases"]
    assert surely.verdict is Verdict.WARNING
    assert surely.evidence == "the restart cuts off those in other databases: postgres (1 session)"


@pytest.mark.parametrize(
    ("make", "unmake", "verdict", "words"),
    [
        (
            "ALTER DATABASE ecoanp ALLOW_CONNECTIONS false",
            "ALTER DATABASE ecoanp ALLOW_CONNECTIONS true",
            Verdict.FAILED,
            "accepts no connections",
        ),
        (
            "ALTER DATABASE ecoanp IS_TEMPLATE true",
            "ALTER DATABASE ecoanp IS_TEMPLATE false",
            Verdict.FAILED,
            "is a template",
        ),
        (
            "ALTER DATABASE ecoanp CONNECTION LIMIT 0",
            "ALTER DATABASE ecoanp CONNECTION LIMIT -1",
            Verdict.WARNING,
            "CONNECTION LIMIT 0",
        ),
    ],
    ids=["shut", "template", "limit"],
)
def test_a_live_database_that_is_not_an_ordinary_one_is_named(
    place: Place,
    make: LiteralString,
    unmake: LiteralString,
    verdict: Verdict,
    words: str,
) -> None:
    place.run(make, "postgres")
    found = place.checks()
    place.run(unmake, "postgres")
    assert found["live database"].verdict is verdict
    assert words in found["live database"].evidence
    assert found["live database"].remedy


def test_what_cannot_be_read_is_unknown_and_does_not_pass(place: Place) -> None:
    place.run("ALTER DATABASE ecoanp ALLOW_CONNECTIONS false", "postgres")
    check = place.checks()["publications"]
    place.run("ALTER DATABASE ecoanp ALLOW_CONNECTIONS true", "postgres")
    assert check.verdict is Verdict.UNKNOWN
    assert check.evidence.startswith("could not run: ")
    assert not check.passed


def test_a_database_that_does_not_exist_yet_has_no_neighbours_of_its_own(place: Place) -> None:
    found = place.checks(replace(place.target, database="not_yet"))
    named = {n for n, c in found.items() if c.verdict is not Verdict.OK}
    assert named <= {"archiving", "other databases"}


def test_tablespaces_on_other_file_systems_are_counted(place: Place) -> None:
    place.database.exec("install", "-d", "-m", "700", "/dev/shm/space")
    place.run("CREATE TABLESPACE space LOCATION '/dev/shm/space'")
    place.run("CREATE TABLE far (n int) TABLESPACE space")
    reader = DumpReader(place.host, place.database.id, "postgres")
    live = place.cluster.find_database(LIVE)
    file = BackupFile("a.dump", "/backup/a.dump", 1, datetime.now(UTC))
    try:
        room = read_room(place.cluster, reader, live, file)
    finally:
        place.run("DROP TABLE far")
        place.run("DROP TABLESPACE space")
    assert [t.path for t in place.cluster.tablespaces(LIVE)] == []
    assert "/dev/shm" in room.free
    assert len(room.free) == 2
    assert check_room(room).passed


def test_schedulers_are_counted_for_all_databases_and_the_one_being_restored(
    place: Place,
) -> None:
    looked = ServerChecks(place.target, place.host, place.cluster)
    checks = {check.name: check for check in looked.run()}
    assert "2 databases + 1 being restored + 1 job = 4" in checks["schedulers"].evidence
    assert "max_worker_processes is " in checks["worker processes"].evidence


def test_the_way_to_a_directory_is_found_over_links_with_stat_alone(place: Place) -> None:
    script = (
        "mkdir -p /tmp/way/real/dumps '/tmp/way/a b'; cd /tmp/way;"
        " ln -sfn ../real 'a b/first'; ln -sfn 'a b/first' second; ln -sfn round round"
    )
    assert place.database.exec("sh", "-c", script)[0] == 0
    reader = DumpReader(place.host, place.database.id, "postgres")
    assert reader.routes("/tmp/way/second/dumps") == (
        "/tmp/way/second/dumps",
        "/tmp/way/a b/first/dumps",
        "/tmp/way/real/dumps",
    )
    with pytest.raises(Refused, match="lead in a circle"):
        reader.routes("/tmp/way/round")
    with pytest.raises(Refused, match="stat cannot read"):
        reader.routes("/tmp/way/none")


def test_a_directory_that_others_could_replace_fails_and_a_sticky_one_above_it_does_not(
    place: Place,
) -> None:
    script = "install -d -m 777 /var/tmp/ajar; install -d -m 700 /var/tmp/ajar/dumps"
    assert place.database.exec("sh", "-c", script)[0] == 0
    target = replace(place.target, backup_dir="/var/tmp/ajar/dumps")
    looked = ServerChecks(target, place.host, place.cluster)
    [ajar] = [c for c in looked.run() if c.name == "backup directory"]
    place.database.exec("chmod", "755", "/var/tmp/ajar")
    [shut] = [c for c in looked.run() if c.name == "backup directory"]
    assert ajar.verdict is Verdict.FAILED
    assert "/var/tmp/ajar/dumps can be replaced: /var/tmp/ajar may be written" in ajar.evidence
    assert "chmod go-w /var/tmp/ajar" in ajar.remedy
    assert shut.verdict is Verdict.OK, shut
