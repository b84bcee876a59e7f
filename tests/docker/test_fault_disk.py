"""A disk fills up in the middle of a restore: the server's, and the one with the audit log."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core import events as ev
from bot.core.plan import StepName
from tests.docker.containers import PGDATA
from tests.docker.environment import Prepared
from tests.docker.proxy import left_out
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


@pytest.mark.fault("disk full")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_servers_disk_that_fills_up_before_pg_restore_leaves_the_live_database(
    trial: Trial, strategy: str
) -> None:
    def take_most() -> None:
        free = f"$(df -Pk {PGDATA} | tail -1 | awk '{{print $4 - 40960}}')"
        code, said = trial.database.exec("sh", "-c", f"fallocate -l {free}K {PGDATA}/filler")
        assert code == 0, said

    try:
        point = Point(StepName.PG_RESTORE, BEFORE)
        ended = trial.run(point, take_most, strategy=strategy, disk_floor="60MB")
    finally:
        trial.database.exec("rm", "-f", f"{PGDATA}/filler")
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
