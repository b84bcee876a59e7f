"""`tsbot check` on a real engine and a real server, straight and crooked."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg import sql

from bot.__main__ import main
from bot.sandbox.slack import SlackServer
from tests.checked import Checked
from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, EXTENSIONS
from tests.docker.tsbot import DEFAULT_ENGINE
from tests.live_bot import TOKENS, office

ENGINE = os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE
HERE = (
    "Docker engine",
    "database container",
    "PostgreSQL",
    "one server",
    "extensions",
    "backup directory",
    "preloaded libraries",
    "pg_cron",
    "application containers",
)


@dataclass(frozen=True)
class Place:
    """A target's settings, and who they are about."""

    database: DatabaseContainer
    application: str
    engine: str
    user: str = "postgres"
    password: str = ""
    dsn_port: int = 0
    extensions: tuple[str, ...] = EXTENSIONS

    def text(self, audit: Path, api_url: str) -> str:
        server = f"{self.database.host}:{self.dsn_port or self.database.port}"
        target: dict[str, object] = {
            "dsn": f"postgresql://{self.user}@{server}/postgres",
            "database": DATABASE,
            "container": self.database.name,
            "applications": [self.application],
            "docker": self.engine,
            "extensions": list(self.extensions),
        }
        slack: dict[str, object] = {
            "api_url": api_url,
            "channels": ["C0OPS"],
            "requesters": ["U0ANA"],
        }
        sections: dict[str, dict[str, object]] = {
            "slack": slack,
            "approval": {"approvers": ["S0DBA"]},
        }
        sections["audit"], sections["targets.prod"] = {"path": str(audit)}, target
        return "\n".join(
            "\n".join(
                [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
            )
            for name, keys in sections.items()
        )


Check = Callable[[Place], Checked]


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    with SlackServer(office()) as server:
        yield server.api_url


@pytest.fixture
def check(
    tmp_path: Path,
    api_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Run `tsbot check` with these settings and live tokens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)

    def run(place: Place) -> Checked:
        config = tmp_path / "tsbot.toml"
        config.write_text(place.text(tmp_path / "audit.db", api_url))
        password = place.password or place.database.password
        monkeypatch.setenv("TSBOT_TARGET_PROD_PASSWORD", password)
        exit_code = main(["--config", str(config), "check"])
        printed = capsys.readouterr()
        assert password not in printed.out + printed.err
        return Checked(exit_code, printed.out)

    return run


@pytest.fixture(scope="module")
def own(prepared: Prepared) -> Iterator[Containers]:
    made = prepared.containers.of_test()
    yield made
    made.close()


@pytest.fixture(scope="module")
def straight(own: Containers) -> Place:
    """A server as it should be, workers aside."""
    database = own.database()
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_worker_processes = 40")
    database.container.restart(timeout=10)
    database.wait_until_ready()
    return Place(database, str(own.application("web").name), ENGINE)


def test_a_straight_target_passes_every_check(check: Check, straight: Place) -> None:
    found = check(straight)
    assert {name: found.sign(name) for name in HERE} == dict.fromkeys(HERE, "ok")
    made = len([line for line in found.lines if line.startswith("  [")])
    assert found.lines[-1] == f"{made} of {made} checks passed"
    assert found.exit_code == 0


def test_the_sum_of_the_workers_is_shown_with_its_numbers(check: Check, straight: Place) -> None:
    with straight.database.connect() as connection:
        [(background, parallel)] = connection.execute(
            "SELECT current_setting('timescaledb.max_background_workers')::int,"
            " current_setting('max_parallel_workers')::int"
        ).fetchall()
    needed = 3 + background + parallel
    assert "max_worker_processes is 40, at least 3 + " in check(straight).line("worker processes")
    assert f"= {needed}" in check(straight).line("worker processes")


def test_looking_changes_nothing(check: Check, straight: Place, tmp_path: Path) -> None:
    query = "SELECT datname, oid::int8, (SELECT count(*) FROM pg_db_role_setting) FROM pg_database"
    before = straight.database.rows("postgres", query)
    check(straight)
    assert straight.database.rows("postgres", query) == before
    assert not (tmp_path / "audit.db").exists()


@pytest.fixture(scope="module")
def crooked(own: Containers) -> Place:
    """Too few workers, and pg_cron bound to another database."""
    database = own.database("crooked", environment={"CRON_DATABASE": "postgres"})
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_worker_processes = 7")
    database.container.restart(timeout=10)
    database.wait_until_ready()
    return Place(database, str(own.application("web").name), ENGINE)


def test_a_threshold_that_is_not_met_fails_the_check(check: Check, crooked: Place) -> None:
    found = check(crooked)
    assert found.exit_code == 1
    assert "[NO]  max_worker_processes" in found.line("max_worker_processes")
    assert "7, should be 8 or more -> set it to 8" in found.line("max_worker_processes")


def test_too_few_workers_for_the_sum_are_a_warning_with_what_would_do(
    check: Check, crooked: Place
) -> None:
    line = check(crooked).line("worker processes")
    assert line.startswith("[!!]")
    assert "max_worker_processes is 7, less than 3 + " in line
    assert "-> set it to " in line


def test_pg_cron_bound_to_another_database_fails_only_where_it_is_wanted(
    check: Check, crooked: Place
) -> None:
    assert "cron.database_name is postgres" in check(crooked).line("pg_cron")
    without = check(replace(crooked, extensions=("timescaledb",)))
    assert not [line for line in without.lines if "pg_cron  " in line]


@pytest.mark.fault("missing extension")
def test_an_extension_that_the_image_lacks_is_named(check: Check, straight: Place) -> None:
    found = check(replace(straight, extensions=("timescaledb", "hyperloglog")))
    assert "not in the image: hyperloglog" in found.line("extensions")


@pytest.mark.fault("missing container")
def test_an_application_without_a_container_is_named(check: Check, straight: Place) -> None:
    line = check(replace(straight, application="tsbot-test-nobody")).line("application containers")
    assert line.startswith("[NO]")
    assert "missing: tsbot-test-nobody -> correct `applications`" in line


def test_a_dsn_and_a_container_of_two_servers_fail(
    check: Check, straight: Place, crooked: Place
) -> None:
    mixed = replace(straight, dsn_port=crooked.database.port, password=crooked.database.password)
    found = check(mixed)
    assert "are two different servers" in found.line("one server")
    assert found.sign("PostgreSQL") == "ok"


def test_a_role_that_is_no_superuser_fails(check: Check, straight: Place) -> None:
    with straight.database.connect() as connection:
        login = sql.SQL("CREATE ROLE plain LOGIN PASSWORD {}").format("plain-password")
        connection.execute(login)
    found = check(replace(straight, user="plain", password="plain-password"))
    assert "no superuser -> use a superuser in the DSN" in found.line("PostgreSQL")
    assert found.sign("backup directory") == "NO"
    assert found.exit_code == 1


def test_a_backup_directory_that_others_can_write_fails(check: Check, straight: Place) -> None:
    straight.database.exec("chmod", "0777", "/backup", user="root")
    try:
        line = check(straight).line("backup directory")
    finally:
        straight.database.exec("chmod", "0700", "/backup", user="root")
    assert line.startswith("[NO]")
    assert "chmod go-w /backup" in line


def test_a_stopped_container_leaves_unasked_what_needs_it_and_no_more(
    check: Check, own: Containers, straight: Place
) -> None:
    database = own.database("stopped")
    database.container.stop(timeout=10)
    found = check(replace(straight, database=database))
    assert "is not running" in found.line("database container")
    assert found.sign("Docker engine") == "ok"
    assert found.sign("application containers") == "ok"
    assert found.line("one server").endswith("could not run: see “database container”")
    assert found.line("preloaded libraries").endswith("could not run: see “PostgreSQL”")
