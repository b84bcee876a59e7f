"""Clients in the way at the cut-over: who reconnects is shut out, who cannot be ended is undone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bot.core.plan import StepName
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE
from tests.docker.trial import BEFORE, Point, Trial
from tests.docker.tsbot import installed

AT_THE_CUT_OVER = Point(StepName.CUT_OVER, BEFORE)


@pytest.fixture(scope="module")
def server(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with installed(prepared, tmp_path_factory.mktemp("cut-over")) as made:
        with made.database.connect() as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        made.database.container.restart()
        made.database.wait_until_ready("postgres")
        yield Trial.of(made.having(strategy="swap"))


@pytest.fixture
def trial(server: Trial) -> Iterator[Trial]:
    yield server
    server.recover()


@contextmanager
def reconnecting(trial: Trial, pattern: str) -> Iterator[list[int]]:
    """Connect again and again to whatever databases match; yields the process ids it had."""
    done, seen = threading.Event(), list[int]()
    find = "SELECT datname FROM pg_database WHERE datallowconn AND datname ~ %s"

    def connect() -> None:
        with trial.database.connect() as watching:
            while not done.is_set():
                for (name,) in watching.execute(find, [pattern]).fetchall():
                    try:
                        with trial.database.connect(name) as connection:
                            seen.append(connection.info.backend_pid)
                            connection.execute("SELECT pg_sleep(0.2)")
                    except psycopg.Error:
                        continue

    threads = [threading.Thread(target=connect, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.fault("rename blocked")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_transaction_prepared_after_preflight_blocks_the_rename_and_all_is_undone(
    trial: Trial, strategy: str
) -> None:
    def prepare() -> None:
        with trial.database.connect(DATABASE) as connection:
            connection.execute("BEGIN; CREATE TABLE public.half (n int)")
            connection.execute("PREPARE TRANSACTION 'half'")

    try:
        ended = trial.run(AT_THE_CUT_OVER, prepare, strategy=strategy)
    finally:
        with trial.database.connect(DATABASE) as connection:
            connection.execute("ROLLBACK PREPARED 'half'")
    trial.assert_undone(ended)
    assert "prepared transaction" in ended.run.sentence


@pytest.mark.fault("client reconnects")
@pytest.mark.parametrize(
    "pattern", [f"^{DATABASE}$", f"^{DATABASE}_restore_"], ids=["the old one", "the restored one"]
)
def test_superusers_who_reconnect_all_the_time_do_not_keep_the_databases_apart(
    trial: Trial, pattern: str
) -> None:
    with reconnecting(trial, pattern) as seen:
        ended = trial.run(AT_THE_CUT_OVER, lambda: None)
    assert seen
    trial.assert_restored(ended)


@pytest.mark.fault("pg_cron at work")
def test_a_job_of_pg_cron_that_runs_all_the_time_does_not_keep_the_databases_apart(
    trial: Trial,
) -> None:
    with trial.database.connect(DATABASE) as connection:
        connection.execute("SELECT cron.schedule('busy', '1 second', 'SELECT pg_sleep(5)')")
    ended = trial.run(AT_THE_CUT_OVER, lambda: None)
    trial.assert_restored(ended)
    assert trial.database.rows(DATABASE, "SELECT count(*) FROM cron.job") == [(0,)]
