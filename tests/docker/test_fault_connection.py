"""The way to PostgreSQL, or to the engine, is cut in the middle of a step, for a moment."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.plan import StepName
from tests.docker.environment import Prepared
from tests.docker.held import until_held
from tests.docker.proxy import engine_socket
from tests.docker.relay import Relay, tcp_relay, unix_relay
from tests.docker.trial import AFTER, BEFORE, WHILE, Point, Trial
from tests.docker.tsbot import installed

CUT_FOR_S = 1.0


@pytest.fixture(scope="module")
def server(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with installed(prepared, tmp_path_factory.mktemp("connection")) as made:
        yield Trial.of(made.having(strategy="swap"))


@pytest.fixture
def trial(server: Trial) -> Iterator[Trial]:
    yield server
    server.recover()


@pytest.fixture
def way(trial: Trial) -> Iterator[tuple[Relay, str]]:
    """A relay to PostgreSQL, and the DSN that leads through it."""
    with tcp_relay(trial.database.host, trial.database.port) as (relay, port):
        yield relay, f"postgresql://postgres@127.0.0.1:{port}/postgres"


@pytest.mark.fault("connection cut")
@pytest.mark.parametrize(
    ("step", "moment"),
    [
        (StepName.EXTENSIONS, "create_extension"),
        (StepName.ANALYZE, "before analyze"),
        (StepName.CUT_OVER, "allow_connections"),
    ],
    ids=str,
)
def test_a_connection_cut_before_the_names_moved_is_undone(
    trial: Trial, way: tuple[Relay, str], step: StepName, moment: str
) -> None:
    relay, dsn = way
    ended = trial.run(Point(step, moment), lambda: relay.cut(for_s=CUT_FOR_S), dsn=dsn)
    trial.assert_undone(ended)


@pytest.mark.fault("connection cut")
def test_a_commit_of_the_renames_whose_answer_is_lost_counts_as_done(
    trial: Trial, way: tuple[Relay, str]
) -> None:
    relay, dsn = way

    def swallow() -> None:
        relay.swallow = b"COMMIT"

    ended = trial.run(Point(StepName.CUT_OVER, "before rename"), swallow, dsn=dsn)
    assert relay.swallowed == 1
    trial.assert_restored(ended)


@pytest.mark.fault("connection cut")
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_connection_cut_after_the_names_moved_holds_nothing_up(
    trial: Trial, way: tuple[Relay, str], moment: str
) -> None:
    relay, dsn = way
    point = Point(StepName.START_APPLICATIONS, moment)
    trial.assert_restored(trial.run(point, lambda: relay.cut(for_s=CUT_FOR_S), dsn=dsn))


@pytest.mark.fault("engine away")
@pytest.mark.parametrize("strategy", ["swap", "in-place"])
def test_an_engine_cut_off_in_pg_restore_is_waited_for_and_all_is_undone(
    trial: Trial, strategy: str
) -> None:
    directory = Path(tempfile.mkdtemp(prefix="tsbot-", dir="/tmp"))  # pytest's own is too deep
    try:
        with unix_relay(f"{directory}/engine.sock", engine_socket()) as relay:

            def cut() -> None:
                until_held(trial.database)
                relay.cut(for_s=CUT_FOR_S)

            ended = trial.run(
                Point(StepName.PG_RESTORE, WHILE),
                cut,
                dump=trial.held,
                docker=f"unix://{directory}/engine.sock",
                strategy=strategy,
            )
    finally:
        shutil.rmtree(directory)
    trial.assert_undone(ended)


@pytest.mark.fault("engine away")
def test_an_engine_cut_off_at_the_cut_over_gets_the_applications_started(trial: Trial) -> None:
    directory = Path(tempfile.mkdtemp(prefix="tsbot-", dir="/tmp"))
    try:
        with unix_relay(f"{directory}/engine.sock", engine_socket()) as relay:
            ended = trial.run(
                Point(StepName.CUT_OVER, "rename"),
                lambda: relay.cut(for_s=CUT_FOR_S),
                docker=f"unix://{directory}/engine.sock",
            )
    finally:
        shutil.rmtree(directory)
    trial.assert_restored(ended)
