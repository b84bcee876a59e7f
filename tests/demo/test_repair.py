"""The ladder of /repair to its last rung: workers that only a restart of PostgreSQL brings back."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.app import base
from bot.cli.terminal import TerminalPresenter
from bot.core.audit import Draft, Entry, Phase, Query
from bot.core.errors import Refused
from bot.core.journal import Journal
from bot.core.models import Person
from bot.core.retention import arm, waiting_after
from bot.core.steps import repair
from bot.core.worker_ladder import SCHEDULER
from bot.sandbox.demo.world import World, world
from bot.settings import load_settings
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


def test_a_restart_is_asked_for_where_asking_was_in_vain_and_retention_waits_for_its_button(
    deaf: World,
) -> None:
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
    assert not retention(deaf)
    arm_again(deaf, entries(deaf)[0].draft.run_id)
    assert retention(deaf)


def retention(made: World) -> bool:
    """Whether the retention job is scheduled."""
    query = "SELECT scheduled FROM timescaledb_information.jobs WHERE proc_name LIKE %s"
    with psycopg.connect(dsn(made)) as connection:
        [(scheduled,)] = connection.execute(query, ["policy_retention"]).fetchall()
    return bool(scheduled)


def arm_again(made: World, run_id: str) -> None:
    """Do what the button under a repair's result does; in another database it does nothing."""
    person = Person("U1", "ben")
    with base(load_settings(made.settings)) as parts:
        waiting = waiting_after(parts.store.log, run_id)
        journal = Journal(
            parts.store.log,
            TerminalPresenter(),
            Draft("run", Phase.NOTE, target=waiting.target),
            parts.clock,
        )
        elsewhere = replace(waiting, oid=1)
        with pytest.raises(Refused, match=f"no longer the database that run {run_id} repaired"):
            arm(elsewhere, parts.benches, parts.store.claims, journal, person)
        arm(waiting, parts.benches, parts.store.claims, journal, person)
