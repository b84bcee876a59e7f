"""PostgreSQL is killed in pg_restore and at the cut-over, and comes back a moment later or not."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.core.audit import Entry, Phase
from bot.core.plan import StepName
from bot.core.steps import coming_back
from tests.docker.environment import Prepared
from tests.docker.held import until_held
from tests.docker.sample import DATABASE
from tests.docker.trial import BEFORE, WHILE, Point, Trial
from tests.docker.tsbot import installed

BACK_AFTER_S = 1.5
IN_PG_RESTORE = Point(StepName.PG_RESTORE, WHILE)


@pytest.fixture(scope="module")
def server(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with installed(prepared, tmp_path_factory.mktemp("postgresql")) as made:
        yield Trial.of(made.having(strategy="swap"))


@pytest.fixture
def trial(server: Trial) -> Iterator[Trial]:
    yield server
    server.recover()


def kill(trial: Trial) -> None:
    """Kill PostgreSQL with all its processes; somebody starts it again a moment later."""
    trial.database.container.kill()
    threading.Timer(BACK_AFTER_S, trial.database.container.start).start()


@pytest.mark.fault("PostgreSQL killed")
def test_a_session_of_pg_restore_killed_by_the_kernel_is_undone(trial: Trial) -> None:
    """The kernel does so to whoever takes too much memory; PostgreSQL then ends all sessions."""

    def happen() -> None:
        assert trial.database.exec("kill", "-9", str(until_held(trial.database)))[0] == 0

    ended = trial.run(IN_PG_RESTORE, happen, dump=trial.held)
    trial.assert_undone(ended)


@pytest.mark.fault("PostgreSQL killed")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_a_server_killed_in_pg_restore_is_waited_for_and_all_is_undone(
    trial: Trial, strategy: str
) -> None:
    def happen() -> None:
        until_held(trial.database)
        kill(trial)

    ended = trial.run(IN_PG_RESTORE, happen, dump=trial.held, strategy=strategy)
    trial.assert_undone(ended)


@pytest.mark.fault("PostgreSQL killed")
@pytest.mark.parametrize("moment", ["allow_connections", "terminate"])
def test_a_server_killed_before_the_names_moved_lets_clients_in_again(
    trial: Trial, moment: str
) -> None:
    ended = trial.run(Point(StepName.CUT_OVER, moment), lambda: kill(trial))
    trial.assert_undone(ended)


@pytest.mark.fault("PostgreSQL killed")
@pytest.mark.parametrize("step", [StepName.CUT_OVER, StepName.WORKERS])
def test_a_server_killed_after_the_names_moved_serves_the_restored_database(
    trial: Trial, step: StepName
) -> None:
    moment = "rename" if step is StepName.CUT_OVER else BEFORE
    ended = trial.run(Point(step, moment), lambda: kill(trial))
    trial.assert_restored(ended)
    noted = [entry.draft.detail["facts"] for entry in ended.entries if _begins_the_cut_over(entry)]
    # what a rollback will tell approvers is what was so before the names moved
    assert noted == noted[:1] * (2 if step is StepName.CUT_OVER else 1)


def _begins_the_cut_over(entry: Entry) -> bool:
    return (entry.draft.action, entry.draft.phase) == (StepName.CUT_OVER, Phase.INTENT)


@pytest.mark.fault("PostgreSQL killed")
def test_of_a_server_that_stays_away_the_run_says_what_is_left_to_do(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it names, typed once the server is back, lets clients in again."""
    monkeypatch.setattr(coming_back, "BACK_WITHIN", timedelta(seconds=1))
    ended = trial.run(Point(StepName.CUT_OVER, "allow_connections"), trial.database.container.kill)
    said = ended.run.sentence
    assert ended.run.outcome == "failed"
    assert f"Whether {DATABASE} is the old or the restored database has to be looked up" in said
    assert trial.lives() == ["running", "running", "created"]
    trial.database.container.start()
    trial.database.wait_until_ready("postgres")
    command = f'ALTER DATABASE "{DATABASE}" ALLOW_CONNECTIONS true'
    assert command in said
    with trial.database.connect() as connection:
        connection.execute(command)
    trial.assert_serves(restored=False)
