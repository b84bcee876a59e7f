"""`tsbot restore` from its first step to its last, on a real engine and a real TimescaleDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.core.audit import Phase
from bot.core.models import Strategy
from bot.core.plan import ORDER, SPECS, StepName
from tests.docker.dumps import take_dump, truncated
from tests.docker.environment import Prepared
from tests.docker.proxy import running_proxy
from tests.docker.sample import (
    DATABASE,
    EXTENSIONS,
    LARGE,
    OWNER,
    READER,
    SMALL,
    chunk_count,
    create_sample,
    indexes,
    row_counts,
)
from tests.docker.tsbot import Finished, Installation, age, installed

SMALL_ROWS = {"influx_data": SMALL.rows, "sensors": 50, "notes": 9}
GUIDE = {name: int(SPECS[name].number) for name in ORDER[Strategy.IN_PLACE] if SPECS[name].number}
SETTINGS = f"""
ALTER DATABASE {DATABASE} SET work_mem = '7MB';
ALTER DATABASE {DATABASE} CONNECTION LIMIT 77;
ALTER ROLE {READER} IN DATABASE {DATABASE} SET statement_timeout = '9s';
REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {READER}, {OWNER};
ALTER DATABASE {DATABASE} SET timescaledb.restoring = 'on';
"""
CARRIED = """
SELECT d.datconnlimit, d.datacl::text, coalesce(s.setrole::regrole::text, ''), s.setconfig::text
  FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid
 WHERE d.datname = %s ORDER BY s.setrole
"""
OWNERS = """
SELECT relname, relkind, pg_get_userbyid(relowner), relacl::text
  FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname
"""


@dataclass(frozen=True)
class Contents:
    """What is in the database."""

    rows: dict[str, int]
    indexes: set[str]
    chunks: int
    owners: list[tuple[Any, ...]]
    extensions: set[str]
    cron: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Restored:
    """One restore: what the dump was made of, and the server before and after."""

    dumped: Contents
    finished: Finished
    lives: list[tuple[str, str]]
    server_started: object
    oid: int


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("restore")) as made:
        yield made


@pytest.fixture(scope="module")
def restored(installation: Installation) -> Restored:
    """A million rows dumped, then lost and overwritten, and brought back by one command."""
    database = installation.database
    assert set(create_sample(database, size=LARGE)) == set(EXTENSIONS)
    with database.connect(DATABASE) as connection:
        connection.execute("SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM sensors')")
    dumped = contents(installation)
    dump = age(database, take_dump(database, name="large.dump"), minutes=30)
    with database.connect(DATABASE) as connection:
        connection.execute("TRUNCATE influx_data; DROP TABLE sensors; CREATE TABLE later ()")
        connection.execute("SELECT cron.unschedule('nightly')")
        connection.execute(SETTINGS)
    lives = [installation.life(c) for c in installation.applications]
    oid, _ = installation.state().databases[DATABASE]
    started = installation.server_started()
    # Whoever types a password in the wrong place must not find it in the log for ever.
    finished = installation.restore(
        dump, "--target", "prod", "--yes", "--reason", f"I lost {installation.password}"
    )
    return Restored(dumped, finished, lives, started, oid)


@pytest.fixture(scope="module")
def small(installation: Installation) -> str:
    """The name of a small dump of another database, which is gone again."""
    database = installation.database
    create_sample(database, "small")
    name = age(database, take_dump(database, "small", "small.dump"), minutes=3)
    with database.connect() as connection:
        connection.execute("DROP DATABASE small WITH (FORCE)")
    return name


def contents(installation: Installation, dbname: str = DATABASE) -> Contents:
    database = installation.database
    cron = "SELECT jobname, schedule, command, database, username, active FROM cron.job"
    return Contents(
        row_counts(database, dbname),
        indexes(database, dbname),
        chunk_count(database, dbname),
        database.rows(dbname, OWNERS),
        {name for (name,) in database.rows(dbname, "SELECT extname FROM pg_extension")},
        database.rows(dbname, cron) if dbname == DATABASE else [],
    )


def test_a_restore_ends_well_with_five_green_points(restored: Restored) -> None:
    assert restored.finished.exit_code == 0, restored.finished.output
    assert restored.finished.outcome.draft.status == "succeeded"
    [checklist] = [e for e in restored.finished.entries if e.draft.action == "checklist_checks"]
    checks = checklist.draft.detail["checks"]
    assert isinstance(checks, list)
    assert [check["verdict"] for check in checks] == ["ok"] * 5, checks


def test_every_row_chunk_and_index_of_the_dump_is_back(
    installation: Installation, restored: Restored
) -> None:
    after = contents(installation)
    assert restored.dumped.rows["influx_data"] == 1_000_000
    assert restored.dumped.chunks >= 30
    assert after.rows == restored.dumped.rows
    assert after.chunks == restored.dumped.chunks
    assert after.indexes == restored.dumped.indexes
    assert len(after.indexes) > 2 * after.chunks


def test_objects_belong_to_whom_the_dump_says_with_its_grants(
    installation: Installation, restored: Restored
) -> None:
    assert contents(installation).owners == restored.dumped.owners
    owners = {name: (owner, acl) for name, _, owner, acl in restored.dumped.owners}
    assert owners["notes"] == ("postgres", None)
    assert owners["influx_data"][0] == OWNER
    assert f"{READER}=r/{OWNER}" in owners["influx_data"][1]


def test_all_nine_extensions_and_the_jobs_of_pg_cron_are_back(
    installation: Installation, restored: Restored
) -> None:
    after = contents(installation)
    assert after.extensions == set(EXTENSIONS)
    assert after.cron == [("nightly", "0 3 * * *", "VACUUM sensors", DATABASE, "postgres", True)]


def test_the_applications_that_ran_run_again_and_the_stopped_one_stays_stopped(
    installation: Installation, restored: Restored
) -> None:
    web, worker, idle = zip(
        restored.lives, map(installation.life, installation.applications), strict=True
    )
    for (_, started), (status, again) in (web, worker):
        assert status == "running"
        assert again > started
    assert idle[0] == idle[1]
    stopped = restored.finished.entry("stop_applications", Phase.OUTCOME).draft.detail["facts"]
    names = [installation.applications[0].name, installation.applications[1].name]
    assert stopped == {"stopped": names}


def test_postgresql_was_restarted(installation: Installation, restored: Restored) -> None:
    assert restored.server_started != installation.server_started()


def test_the_old_database_is_kept_under_another_name_and_lets_nobody_in(
    installation: Installation, restored: Restored
) -> None:
    databases = installation.state().databases
    set_aside = f"{DATABASE}_before_{restored.finished.run_id}"
    assert databases[set_aside] == (restored.oid, False)
    assert databases[DATABASE][0] != restored.oid
    assert databases[DATABASE][1]
    assert set_aside in str(restored.finished.outcome.draft.detail["sentence"])
    assert installation.sides() == []


def test_settings_and_grants_of_the_database_are_carried_over_except_restoring(
    installation: Installation, restored: Restored
) -> None:
    rows = installation.database.rows("postgres", CARRIED, [DATABASE])
    [(limit, grants, nobody, settings), (_, _, role, of_role)] = rows
    assert (limit, nobody, settings) == (77, "-", "{work_mem=7MB}")
    assert (role, of_role) == (READER, "{statement_timeout=9s}")
    assert f"{READER}=c/postgres" in grants
    assert grants.startswith("{=T/postgres,")  # the public kept TEMPORARY, not CONNECT


def test_each_of_the_twelve_steps_is_logged_before_and_after(restored: Restored) -> None:
    steps = [
        (GUIDE[StepName(e.draft.action)], e.draft.phase, e.draft.status)
        for e in restored.finished.entries
        if e.draft.action in set(GUIDE)
    ]
    order = list(dict.fromkeys(number for number, _, _ in steps))
    assert sorted(order) == list(range(1, 13))
    assert steps == [
        row for number in order for row in ((number, "intent", ""), (number, "outcome", "ok"))
    ]


def test_every_entry_says_who_where_and_on_what(restored: Restored) -> None:
    first = restored.finished.entries[0].draft
    assert (first.action, first.actor_id, first.actor_name) == ("restore", "cli:dora", "dora")
    assert first.backup == "large.dump"
    assert "--target prod --yes" in first.arguments
    for entry in restored.finished.entries:
        assert (entry.draft.channel, entry.draft.target) == ("cli", "prod")
    approval = restored.finished.entry("gate", Phase.OUTCOME, "approved").draft
    assert approval.digest == restored.finished.entry("plan", Phase.NOTE).draft.digest


def test_the_chain_of_the_log_is_intact(installation: Installation, restored: Restored) -> None:
    code, printed = installation.audit("verify")
    assert code == 0, printed
    assert restored.finished.entries[-1].hash in printed


def test_the_log_tells_the_whole_run_and_no_secret(
    installation: Installation, restored: Restored
) -> None:
    code, printed = installation.audit("show", restored.finished.run_id)
    assert code == 0
    assert [name for name in GUIDE if name.value not in printed] == []
    assert "I lost [redacted]" in printed
    for file in installation.directory.glob("audit.db*"):
        assert installation.password.encode() not in file.read_bytes(), file.name


def test_a_database_that_does_not_exist_yet_is_restored_by_compose_service(
    installation: Installation, small: str
) -> None:
    labels = installation.database.container.labels
    service = {"service": "db", "project": labels["com.docker.compose.project"]}
    fresh = installation.having(database="fresh", container=service, applications=[])
    finished = fresh.restore(small, "--yes")
    assert finished.outcome.draft.status == "succeeded", finished.output
    after = contents(installation, "fresh")
    assert after.rows == SMALL_ROWS
    assert {owner for name, kind, owner, _ in after.owners if name == "influx_data"} == {OWNER}
    assert not [name for name in installation.state().databases if name.startswith("fresh_")]
    limit = "SELECT datconnlimit FROM pg_database WHERE datname = 'fresh'"
    assert installation.database.rows("postgres", limit) == [(-1,)]


def test_a_restore_needs_no_more_than_the_socket_proxy_lets_through(
    installation: Installation, small: str
) -> None:
    names = [installation.database.name, *(str(c.name) for c in installation.applications)]
    lives = [installation.life(c) for c in installation.applications]
    with running_proxy(names, names[:1]) as socket:
        proxied = installation.having(database="proxied", docker=f"unix://{socket}")
        finished = proxied.restore(small, "--yes")
    assert finished.outcome.draft.status == "succeeded", finished.output
    assert contents(installation, "proxied").rows == SMALL_ROWS
    now = [installation.life(c) for c in installation.applications]
    assert [status for status, _ in now] == [status for status, _ in lives]
    assert [before != after for before, after in zip(lives, now, strict=True)] == [
        True,
        True,
        False,
    ]


def test_the_guides_ownership_gives_everything_to_the_superuser(
    installation: Installation, small: str
) -> None:
    guide = installation.having(database="guided", applications=[], ownership="guide")
    finished = guide.restore(small, "--yes")
    assert finished.outcome.draft.status == "succeeded", finished.output
    owners = contents(installation, "guided").owners
    ours = {"influx_data", "sensors", "notes", "sensors_name_trgm"}
    assert {(owner, acl) for name, _, owner, acl in owners if name in ours} == {("postgres", None)}


def test_a_dry_run_shows_the_plan_and_changes_nothing(
    installation: Installation, small: str
) -> None:
    before = installation.state()
    finished = installation.restore(small, "--dry-run")
    assert finished.exit_code == 0, finished.output
    assert installation.state() == before
    assert finished.outcome.draft.status == "dry run"
    assert not finished.statuses("create_database")
    web, worker, _ = (str(c.name) for c in installation.applications)
    assert f"stops     {web}, {worker}\n" in finished.output
    for title in (spec.title for name, spec in SPECS.items() if name in GUIDE):
        assert title in finished.output


def test_latest_is_the_newest_whole_dump_and_says_what_it_passed_over(
    installation: Installation, small: str
) -> None:
    database = installation.database
    path = f"/backup/{small}"
    age(database, truncated(database, path, "cut.dump"), minutes=1)
    database.exec("sh", "-c", "echo SELECT 1 > /backup/plain.sql")
    age(database, "/backup/plain.sql", minutes=2)
    finished = installation.restore("latest", "--dry-run")
    assert finished.exit_code == 0, finished.output
    assert f"backup    {small}" in finished.output
    assert finished.entry("plan", Phase.NOTE).draft.backup == small
    plan = str(finished.entry("plan", Phase.NOTE).draft.detail)
    assert "skipped: cut.dump is cut short or damaged" in plan
    assert "skipped: plain.sql is not a dump in custom format" in plan
