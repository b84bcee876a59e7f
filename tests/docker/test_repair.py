"""`tsbot repair` on a server that is really broken: each thing that keeps jobs from running."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.journal import Journal
from bot.core.models import Origin, Person
from bot.core.plan import StepName
from bot.core.worker_ladder import SCHEDULER
from tests.docker.containers import DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, OWNER, READER, create_sample
from tests.docker.tsbot import TARGET, Finished, Installation, installed

WITHIN_S = 30
DEAD = "deadbeef"
DORA = Person("cli:dora", "dora")


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("repair")) as made:
        create_sample(made.database)
        names = [app.name for app in made.applications if app.name and "idle" not in app.name]
        yield made.having(applications=names)


@dataclass(frozen=True)
class Layer:
    """A place to leave restoring on: how, as whom it is seen, and whether approval is needed."""

    on: LiteralString
    off: LiteralString
    user: str
    gate: bool


LAYERS = {
    "database": Layer(
        f"ALTER DATABASE {DATABASE} SET timescaledb.restoring = on",
        f"ALTER DATABASE {DATABASE} RESET timescaledb.restoring",
        "postgres",
        gate=False,
    ),
    "database and role": Layer(
        f"ALTER ROLE {READER} IN DATABASE {DATABASE} SET timescaledb.restoring = on",
        f"ALTER ROLE {READER} IN DATABASE {DATABASE} RESET timescaledb.restoring",
        READER,
        gate=False,
    ),
    "role": Layer(
        f"ALTER ROLE {OWNER} SET timescaledb.restoring = on",
        f"ALTER ROLE {OWNER} RESET timescaledb.restoring",
        OWNER,
        gate=True,
    ),
    "all roles": Layer(
        "ALTER ROLE ALL SET timescaledb.restoring = on",
        "ALTER ROLE ALL RESET timescaledb.restoring",
        READER,
        gate=True,
    ),
    "system": Layer(
        "ALTER SYSTEM SET timescaledb.restoring = on; SELECT pg_reload_conf()",
        "ALTER SYSTEM RESET timescaledb.restoring; SELECT pg_reload_conf()",
        "postgres",
        gate=True,
    ),
}


def execute(database: DatabaseContainer, statements: LiteralString) -> None:
    with database.connect(DATABASE) as connection:
        connection.execute("SELECT extversion FROM pg_extension")  # loads TimescaleDB
        for statement in statements.split("; "):
            connection.execute(statement)


def restoring(database: DatabaseContainer, user: str) -> str:
    """What a new session of somebody's gets."""
    query = f"SELECT count(*) FROM pg_extension; SHOW timescaledb.restoring"  # noqa: F541
    code, output = database.exec("psql", "-XAtq", "-U", user, "-d", DATABASE, "-c", query)
    assert code == 0, output
    return output.split()[-1]


def schedulers(database: DatabaseContainer) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = %s"
    return [pid for (pid,) in database.rows("postgres", query, [SCHEDULER, DATABASE])]


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def stop_workers(database: DatabaseContainer) -> None:
    execute(database, "SELECT _timescaledb_functions.stop_background_workers()")
    eventually(lambda: not schedulers(database))


def steps(finished: Finished) -> list[str]:
    begun = [e.draft for e in finished.entries if e.draft.phase is Phase.INTENT]
    names = {name.value for name in StepName} - {StepName.PREFLIGHT.value}
    return [draft.action for draft in begun if draft.action in names]


def sentence(finished: Finished) -> str:
    return str(finished.outcome.draft.detail["sentence"])


def test_where_nothing_is_wrong_one_sentence_says_so_and_nothing_changes(
    installation: Installation,
) -> None:
    eventually(lambda: schedulers(installation.database))
    before = installation.state(), schedulers(installation.database)
    finished = installation.repair()
    assert finished.exit_code == 0, finished.output
    assert sentence(finished) == f"Nothing is wrong with {DATABASE}; nothing was changed."
    assert steps(finished) == []
    assert (installation.state(), schedulers(installation.database)) == before


@pytest.mark.parametrize("where", LAYERS)
def test_restoring_left_on_is_reset_at_its_layer_and_read_in_a_new_session(
    where: str, installation: Installation
) -> None:
    layer, database = LAYERS[where], installation.database
    stop_workers(database)
    execute(database, layer.on)
    try:
        eventually(lambda: restoring(database, layer.user) == "on")
        finished = installation.repair("--yes")
    finally:
        after = restoring(database, layer.user)
        execute(database, layer.off)
    assert finished.exit_code == 0, finished.output
    assert after == "off"
    assert schedulers(database)
    assert finished.statuses("gate") == (["approved"] if layer.gate else [])
    step = StepName.REPAIR_SETTINGS if layer.gate else StepName.REPAIR_RESTORING
    assert step.value in steps(finished)


def test_a_setting_that_others_obey_stays_where_nobody_approves(
    installation: Installation,
) -> None:
    layer, database = LAYERS["system"], installation.database
    execute(database, layer.on)
    try:
        with installation.running("repair") as running:
            running.until_printed(f"Type {TARGET} to repair it")
            running.type("no\n")
            finished = running.finish()
        assert restoring(database, "postgres") == "on"
    finally:
        execute(database, layer.off)
    assert finished.exit_code == 1
    assert finished.outcome.draft.status == "not approved"
    assert StepName.REPAIR_SETTINGS.value not in steps(finished)


def test_a_file_is_named_with_its_line_and_left_alone(installation: Installation) -> None:
    database = installation.database
    [(path,)] = database.rows("postgres", "SHOW config_file")
    script = f"cp {path} {path}.kept && echo 'timescaledb.restoring = on' >> {path}"
    assert database.exec("sh", "-c", script)[0] == 0
    execute(database, "SELECT pg_reload_conf()")
    _, count = database.exec("sh", "-c", f"wc -l < {path}")
    try:
        eventually(lambda: restoring(database, "postgres") == "on")
        finished = installation.repair("--yes")
        assert restoring(database, "postgres") == "on"
    finally:
        database.exec("sh", "-c", f"cp {path}.kept {path}")
        execute(database, "SELECT pg_reload_conf()")
    assert finished.exit_code == 1
    assert finished.outcome.draft.status == "unverified"
    assert f"{path}:{count.strip()}" in sentence(finished)
    assert steps(finished) == [StepName.CHECKLIST.value]


def test_workers_that_ended_come_back_without_approval_and_without_a_restart(
    installation: Installation,
) -> None:
    database = installation.database
    started = installation.server_started()
    stop_workers(database)
    finished = installation.repair()
    assert finished.exit_code == 0, finished.output
    assert schedulers(database)
    assert steps(finished) == [StepName.REPAIR_WORKERS.value, StepName.CHECKLIST.value]
    assert installation.server_started() == started


def test_a_threshold_is_raised_and_postgresql_restarted_once_that_is_approved(
    installation: Installation,
) -> None:
    database, name = installation.database, "timescaledb.max_background_workers"
    execute(database, f"ALTER SYSTEM SET {name} = 4")
    database.container.restart(timeout=20)
    database.wait_until_ready()
    started = installation.server_started()
    try:
        finished = installation.repair("--yes")
        assert database.rows("postgres", f"SHOW {name}") == [("8",)]
    finally:
        execute(database, f"ALTER SYSTEM RESET {name}")
    assert finished.exit_code == 0, finished.output
    last = [StepName.REPAIR_SETTINGS, StepName.RESTART, StepName.CHECKLIST]
    assert steps(finished)[-3:] == [step.value for step in last]
    assert installation.server_started() != started
    plan = finished.entry("plan", Phase.NOTE).draft.detail["plan"]
    assert isinstance(plan, dict)
    assert plan["subject"][name] == "4 → 8"


def test_restoring_is_left_on_under_a_pg_restore_that_needs_it(installation: Installation) -> None:
    layer, database = LAYERS["database"], installation.database
    execute(database, layer.on)
    try:
        with database.connect(DATABASE) as somebody:
            somebody.execute("SET application_name = 'pg_restore'")
            finished = installation.repair("--yes")
        assert restoring(database, "postgres") == "on"
    finally:
        execute(database, layer.off)
    assert finished.outcome.draft.status == "refused"
    assert "A pg_restore is at work" in sentence(finished)


def test_a_database_that_a_person_has_shut_stays_shut(installation: Installation) -> None:
    database = installation.database
    with database.connect() as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false".encode())
        try:
            finished = installation.repair("--yes")
            _, allowed = installation.state().databases[DATABASE]
        finally:
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true".encode())
    assert not allowed
    assert finished.outcome.draft.status == "unverified"
    assert "no run of mine has left it so" in sentence(finished)


class Unseen:
    """A presenter that nobody looks at."""

    def show(self, event: ev.Event) -> None:
        """Show nothing."""


@contextmanager
def journal(installation: Installation) -> Iterator[Journal]:
    """A way into the log for what happened before."""
    clock = SystemClock()
    with closing(AuditStore(installation.audit_path, clock)) as store:
        draft = Draft("run", Phase.NOTE, channel="cli", target=TARGET)
        yield Journal(store.log, Unseen(), draft, clock)


def asked(run_id: str, operation: str) -> ev.RunRequested:
    now = datetime.now(UTC)
    return ev.RunRequested(
        run_id=run_id, at=now, operation=operation, target=TARGET, origin=Origin(DORA, "cli")
    )


def ended(run_id: str, outcome: str) -> ev.RunFinished:
    now = datetime.now(UTC)
    return ev.RunFinished(
        run_id=run_id, at=now, outcome=outcome, sentence="", seconds=1, requester=DORA
    )


def leave_a_dead_run(installation: Installation) -> None:
    """Write down a restore that died in its cut-over, its applications stopped."""
    names = [str(app.name) for app in installation.applications[:1]]
    with journal(installation) as log:
        log.record(asked(DEAD, "restore"))
        for step, facts in (
            (StepName.STOP_APPLICATIONS, {"applications": names}),
            (StepName.CUT_OVER, {}),
        ):
            now = datetime.now(UTC)
            log.record(ev.StepStarted(run_id=DEAD, at=now, step=step, intent="", facts=facts))
        log.record(ended(DEAD, "interrupted"))


LATER = {
    "no later run": None,
    "a later refresh": ("refresh", "succeeded"),
    "a later repair that failed": ("repair", "failed"),
}


@pytest.mark.parametrize("later", LATER)
def test_what_a_dead_run_left_is_put_right_the_database_opened_and_its_applications_started(
    later: str, installation: Installation
) -> None:
    database, application = installation.database, installation.applications[0]
    leave_a_dead_run(installation)
    if (since := LATER[later]) is not None:
        with journal(installation) as log:
            log.record(asked("1a7e1a7e", since[0]))
            log.record(ended("1a7e1a7e", since[1]))
    application.stop(timeout=1)
    with database.connect() as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [DATABASE]
        )
    try:
        finished = installation.repair()
        _, allowed = installation.state().databases[DATABASE]
    finally:
        with database.connect() as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true".encode())
    assert finished.exit_code == 0, finished.output
    assert allowed
    assert schedulers(database)
    assert installation.life(application)[0] == "running"
    assert steps(finished)[0] == StepName.REPAIR_ACCESS.value
    assert finished.statuses("gate") == []


def test_what_a_repair_has_put_right_is_left_alone_when_somebody_stops_it_later(
    installation: Installation,
) -> None:
    application = installation.applications[0]
    leave_a_dead_run(installation)
    application.stop(timeout=1)
    try:
        assert installation.repair().exit_code == 0
        assert installation.life(application)[0] == "running"
        application.stop(timeout=1)
        finished = installation.repair()
        assert installation.life(application)[0] == "exited"
    finally:
        application.start()
    assert f"{application.name} is down, and no run of mine left it so" in sentence(finished)
