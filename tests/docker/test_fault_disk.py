"""A disk fills up in the middle of a restore: the server's, and the one with the audit log."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bot.core import events as ev
from bot.core.plan import StepName
from bot.core.steps import coming_back
from tests.docker.containers import PGDATA
from tests.docker.environment import Prepared
from tests.docker.proxy import left_out
from tests.docker.sample import DATABASE
from tests.docker.trial import AFTER, BEFORE, UNDONE, Point, Trial
from tests.docker.tsbot import installed


@pytest.fixture(scope="module")
def server(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with installed(prepared, tmp_path_factory.mktemp("disk"), disk="400m") as made:
        with made.database.connect() as connection:  # preflight wants room for as much WAL
            connection.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
            connection.execute("SELECT pg_reload_conf()")
        yield Trial.of(made.having(strategy="swap", disk_floor="0B"))


@pytest.fixture
def trial(server: Trial) -> Iterator[Trial]:
    yield server
    server.recover()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        left_out(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(directory: Path) -> None:
    """Write to a file until there is no room left."""
    with (directory / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(512))
        except OSError:
            return


def take_all_but(trial: Trial, kilobytes: int) -> None:
    """Fill the server's disk."""
    free = f"$(df -Pk {PGDATA} | tail -1 | awk '{{print $4 - {kilobytes}}}')"
    code, said = trial.database.exec("sh", "-c", f"fallocate -l {free}K {PGDATA}/filler")
    assert code == 0, said


@contextmanager
def freed(trial: Trial) -> Iterator[None]:
    """Take the filler away again, also from a server that has stopped for want of room."""
    try:
        yield
    finally:
        server = trial.database.container
        assert server.client is not None
        remove = ["rm", "-f", f"{PGDATA}/filler"]
        # from another container: the server's own may have stopped, and stops again at once
        server.client.containers.run(
            str(server.attrs["Image"]), remove, volumes_from=[trial.database.id], remove=True
        )
        server.start()
        trial.database.wait_until_ready("postgres")


@pytest.mark.fault("disk full to the last byte")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_server_that_stops_for_want_of_room_serves_the_old_database_once_there_is_some(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    """PostgreSQL cannot even write its log then, and panics; nothing can be dropped either."""
    monkeypatch.setattr(coming_back, "BACK_WITHIN", timedelta(seconds=2))

    def fill_wal_and_all() -> None:
        take_all_but(trial, 0)
        with suppress(psycopg.OperationalError), trial.database.connect() as connection:
            while True:
                connection.execute("SELECT pg_logical_emit_message(false, '', 'x')")
                connection.execute("SELECT pg_switch_wal()")

    with freed(trial):
        point = Point(StepName.PG_RESTORE, BEFORE)
        ended = trial.run(point, fill_wal_and_all, strategy=strategy)
        assert trial.lives() == ["running", "running", "created"], ended.run.sentence
        assert b"PANIC:" in trial.database.container.logs()
    said = ended.run.sentence
    assert (ended.happened, ended.run.outcome) == (True, "failed")
    assert f"The live database {DATABASE} was not changed" in said
    drop = re.search(r'DROP DATABASE IF EXISTS "\S+_restore_\w+" WITH \(FORCE\)', said)
    assert drop, said
    with trial.database.connect() as connection:
        connection.execute(drop[0].encode())
    trial.database.exec("sh", "-c", "rm -f $PGDATA/tsbot-*.list")
    trial.assert_standing(ended, restored=False)


@pytest.mark.fault("disk full")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_servers_disk_that_fills_up_before_pg_restore_leaves_the_live_database(
    trial: Trial, strategy: str
) -> None:
    with freed(trial):
        point = Point(StepName.PG_RESTORE, BEFORE)
        ended = trial.run(
            point, lambda: take_all_but(trial, 40960), strategy=strategy, disk_floor="60MB"
        )
    trial.assert_undone(ended)
    assert "free room, then ask again" in ended.run.sentence


@pytest.mark.fault("audit disk full")
def test_an_audit_disk_that_is_full_before_the_gate_keeps_everything_destructive_from_beginning(
    trial: Trial, small: Path
) -> None:
    def free_at_last(event: ev.Event) -> None:
        if isinstance(event, ev.RunFinished):
            (small / "filler").unlink(missing_ok=True)

    logged = replace(trial, installation=replace(trial.installation, directory=small))
    ended = logged.run(Point(StepName.ANALYZE, AFTER), lambda: fill(small), watching=free_at_last)
    assert ended.run.outcome == "failed"
    assert UNDONE in ended.run.sentence
    actions = [e.draft.action for e in ended.entries]
    assert actions[-1] == StepName.ANALYZE
    assert StepName.STOP_APPLICATIONS not in actions
    trial.assert_serves(restored=False)
    assert trial.installation.sides() == []


@pytest.mark.fault("audit disk full")
def test_an_audit_disk_that_is_full_after_the_cut_over_holds_no_step_up(
    trial: Trial, small: Path
) -> None:
    def free(event: ev.Event) -> None:
        if isinstance(event, ev.StepStarted) and event.step is StepName.CHECKLIST:
            (small / "filler").unlink()

    logged = replace(trial, installation=replace(trial.installation, directory=small))
    ended = logged.run(Point(StepName.CUT_OVER, "rename"), lambda: fill(small), watching=free)
    logged.assert_restored(ended)
    for step in ("cut_over", "start_applications", "workers", "jobs", "checklist"):
        assert ended.statuses(step) == ["ok"]
