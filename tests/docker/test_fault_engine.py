"""The engine is stopped, its containers with it, and started again in the middle of a restore."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.plan import StepName
from tests.docker.containers import Containers
from tests.docker.environment import Prepared
from tests.docker.own_engine import NEEDS, OwnEngine, missing, own_engine
from tests.docker.trial import BEFORE, WHILE, Point, Trial
from tests.docker.tsbot import installed

pytestmark = pytest.mark.skipif(missing(), reason=NEEDS)


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    directory = Path(tempfile.mkdtemp(prefix="eng"))
    try:
        with own_engine(directory) as made:
            yield made
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def server(
    prepared: Prepared, engine: OwnEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trial]:
    """An installation on that engine; its containers come back with it, as Compose's do."""
    with closing(engine.client()) as client:
        client.images.load(b"".join(prepared.client.images.get(prepared.image).save(named=True)))
        containers = Containers.of_session(client, prepared.image)
        there = Prepared(client, prepared.image, containers, prepared.database, prepared.versions)
        with installed(there, tmp_path_factory.mktemp("engine")) as made:
            for container in (made.database.container, *made.applications[:2]):
                container.update(restart_policy={"Name": "always"})
            yield Trial.of(made.having(strategy="swap", docker=engine.url))


@pytest.fixture
def trial(server: Trial) -> Iterator[Trial]:
    yield server
    server.recover()


@pytest.mark.fault("engine stopped and started")
def test_an_engine_that_restarts_in_pg_restore_leaves_the_old_database_serving(
    trial: Trial, engine: OwnEngine
) -> None:
    point = Point(StepName.PG_RESTORE, WHILE)
    trial.assert_undone(trial.run(point, engine.restart, dump=trial.held))


@pytest.mark.fault("engine stopped and started")
def test_an_engine_that_restarts_after_the_cut_over_leaves_the_restored_one_serving(
    trial: Trial, engine: OwnEngine
) -> None:
    point = Point(StepName.START_APPLICATIONS, BEFORE)
    trial.assert_restored(trial.run(point, engine.restart))
