"""The ladder of /repair to its last rung: workers that only a restart of PostgreSQL brings back."""

import tomllib
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Entry, Phase, Query
from bot.core.steps import repair
from bot.core.worker_ladder import SCHEDULER
from bot.sandbox.demo.world import World, world
from tests.demo.process import until

GIVE_UP_S = 1
DATABASE = "ecoanp"


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Workers that have ended and hear no START, and a launcher that nobody here waits for."""
    monkeypatch.setattr(repair, "LAUNCHER_RETURNS", GIVE_UP_S)
    with world(workers_deaf=True) as made:
        brief = made.settings.with_name("brief.toml")
        brief.write_text(f'{made.settings.read_text()}worker_timeout = "{2 * GIVE_UP_S}s"\n')
        for name, value in {**made.environment, "TSBOT_CONFIG": str(brief)}.items():
            monkeypatch.setenv(name, value)
        with psycopg.connect(dsn(made), autocommit=True) as connection:
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
            until(lambda: not schedulers(connection), 10)
        yield made


def dsn(made: World) -> str:
    """Where the live database is, as the bot's own settings say."""
    [target] = tomllib.loads(made.settings.read_text())["targets"].items()
    name, keys = target
    password = made.environment[f"TSBOT_TARGET_{name.upper()}_PASSWORD"]
    return make_conninfo(keys["dsn"], dbname=DATABASE, password=password)


def schedulers(connection: psycopg.Connection) -> list[tuple[int]]:
    return connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = %s",
        [SCHEDULER, DATABASE],
    ).fetchall()


def entries(made: World) -> tuple[Entry, ...]:
    store = AuditStore(made.audit, SystemClock(), writable=False)
    try:
        return store.log.entries(Query())
    finally:
        store.close()


def test_a_restart_is_asked_for_only_after_asking_the_workers_was_in_vain(deaf: World) -> None:
    assert main(["repair"]) == 1, "nobody approved"
    begun = [e.draft.action for e in entries(deaf) if e.draft.phase is Phase.INTENT]
    assert begun[-1] == "repair_workers"
    [plan] = [e.draft.detail["plan"] for e in entries(deaf) if e.draft.action == "plan"][-1:]
    assert isinstance(plan, dict)
    assert plan["order"][-3:] == ["repair_launcher", "restart", "checklist"]
    sentence = str(entries(deaf)[-1].draft.detail["sentence"])
    assert "done before and stays: Hold retention back, Wake the workers." in sentence

    assert main(["repair", "--yes"]) == 0
    begun = [e.draft.action for e in entries(deaf) if e.draft.phase is Phase.INTENT]
    assert begun[-4:] == ["repair_workers", "repair_launcher", "restart", "checklist"]
    with psycopg.connect(dsn(deaf)) as connection:
        assert schedulers(connection)
