"""A repair asked for in Slack: at once where it harms nobody, else through the gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.docker.sample import DATABASE
from tests.scenarios.office import Office

REPAIRED_S = 60.0


def restoring(office: Office) -> str:
    query = "SELECT count(*) FROM pg_extension; SHOW timescaledb.restoring"
    code, output = office.site.database.exec("psql", "-XAtq", "-d", DATABASE, "-c", query)
    assert code == 0, output
    return output.split()[-1]


@contextmanager
def setting(office: Office, change: bytes, back: bytes) -> Iterator[None]:
    """Leave restoring on somewhere, and take it away in the end whatever became of it."""
    with office.site.database.connect(DATABASE) as connection:
        connection.execute("SELECT extversion FROM pg_extension")  # loads TimescaleDB
        connection.execute(change)
        connection.execute("SELECT pg_reload_conf()")
        try:
            office.until(lambda: restoring(office) == "on", "restoring on")
            yield
        finally:
            connection.execute(back)
            connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def server_setting(office: Office) -> Iterator[Office]:
    """An office whose server has restoring on, which other databases obey as well."""
    on, off = (
        b"ALTER SYSTEM SET timescaledb.restoring = on",
        b"ALTER SYSTEM RESET timescaledb.restoring",
    )
    with setting(office, on, off):
        yield office


def test_a_server_setting_is_changed_once_it_is_approved(server_setting: Office) -> None:
    office = server_setting
    run = office.ask("/repair main")
    run.until(lambda: run.gates, "a gate", REPAIRED_S)
    assert "ALTER SYSTEM RESET timescaledb.restoring" in str(run.gate.blocks)
    assert restoring(office) == "on"
    assert not {"repair_settings", "restart"} & set(run.started)
    run.approve(office["ben"])
    assert run.ended(REPAIRED_S) == "succeeded", run.sentence
    assert f"{office.site.idle.name} is down, and no run of mine left it so" in run.sentence
    assert restoring(office) == "off"
    assert run.started[-2:] == ["repair_settings", "checklist"]


def test_a_veto_leaves_the_server_setting_as_it_is(server_setting: Office) -> None:
    run = server_setting.ask("/repair main")
    run.until(lambda: run.gates, "a gate", REPAIRED_S)
    run.vote(server_setting["cho"], "x")
    assert run.ended(REPAIRED_S) == "not approved"
    assert restoring(server_setting) == "on"
    assert "repair_settings" not in run.started


def test_a_setting_of_the_database_alone_is_reset_at_once(office: Office) -> None:
    on, off = (
        f"ALTER DATABASE {DATABASE} SET timescaledb.restoring = on".encode(),
        f"ALTER DATABASE {DATABASE} RESET timescaledb.restoring".encode(),
    )
    with setting(office, on, off):
        run = office.ask("/repair main")
        assert run.ended(REPAIRED_S) == "succeeded", run.sentence
        assert restoring(office) == "off"
    assert run.gates == []
    assert run.started == ["repair_restoring", "repair_workers", "checklist"]


def test_who_may_not_ask_for_restores_may_not_ask_for_repairs(office: Office) -> None:
    assert "requesters" in office.say("dan", "/repair main")


def test_a_target_that_cannot_be_reached_is_told_so_and_nothing_changes(office: Office) -> None:
    run = office.ask("/repair nobase")
    assert run.ended(REPAIRED_S) in {"refused", "failed"}
    assert "Nothing was changed" in run.sentence
    assert run.started == []
