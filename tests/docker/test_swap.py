"""A swap: the old database serves until the restored copy takes its place, and is kept."""

from collections.abc import Iterator

import pytest

from bot.core.audit import Phase
from bot.core.models import Strategy
from bot.core.plan import ORDER
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.reader import Reader, reading
from tests.docker.sample import DATABASE, Size, create_sample, row_counts
from tests.docker.tsbot import Finished, Installation, age, installed

MOST_MISSED_S = 5


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    containers = prepared.containers.of_test()
    try:
        slow = containers.application("slow", stops_slowly=True)
        with installed(prepared, tmp_path_factory.mktemp("swap")) as made:
            named = made.target["applications"]
            assert isinstance(named, list)
            yield made.having(strategy="swap", applications=[*named, slow.name])
    finally:
        containers.close()


@pytest.fixture(scope="module")
def dump(installation: Installation) -> str:
    create_sample(installation.database, size=Size(chunks=10, rows=200_000))
    with installation.database.connect(DATABASE) as connection:
        connection.execute("SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM sensors')")
    return age(installation.database, take_dump(installation.database))


@pytest.fixture(scope="module")
def swapped(installation: Installation, dump: str) -> tuple[Finished, Reader, dict[str, int]]:
    """Restore while a client reads the live table; rows were lost before."""
    database = installation.database
    before = row_counts(database)
    with database.connect(DATABASE) as connection:
        connection.execute("DELETE FROM influx_data WHERE sensor_id < 10; DROP TABLE notes")
    with reading(database.dsn(DATABASE), "influx_data") as reader:
        finished = installation.restore(dump, "--yes")
    return finished, reader, before


def test_a_swap_ends_well_with_every_step_in_its_order(
    swapped: tuple[Finished, Reader, dict[str, int]], installation: Installation
) -> None:
    finished, _, before = swapped
    assert finished.exit_code == 0, finished.output
    begun = [e.draft.action for e in finished.entries if e.draft.phase is Phase.INTENT]
    assert begun[2:] == [name.value for name in ORDER[Strategy.SWAP]]
    assert row_counts(installation.database) == before
    assert installation.database.rows(DATABASE, "SELECT jobname, active FROM cron.job") == [
        ("nightly", True)
    ]


def test_a_client_that_reads_all_the_time_misses_seconds_at_most(
    swapped: tuple[Finished, Reader, dict[str, int]],
) -> None:
    _, reader, _ = swapped
    assert len(reader.oids) == 2, "it has read the old database, then the restored one"
    assert reader.missed < MOST_MISSED_S
    assert sum(reader.gaps) < MOST_MISSED_S


def test_applications_that_honour_sigterm_are_down_for_seconds_one_that_takes_two_included(
    swapped: tuple[Finished, Reader, dict[str, int]],
) -> None:
    finished, _, _ = swapped
    down = finished.entry("stop_applications", Phase.INTENT).at
    up = finished.entry("start_applications", Phase.OUTCOME).at
    assert 2 < (up - down).total_seconds() < MOST_MISSED_S


def test_the_approval_stands_between_the_comparison_and_the_first_destructive_step(
    swapped: tuple[Finished, Reader, dict[str, int]],
) -> None:
    finished, _, _ = swapped
    order = [(e.draft.action, e.draft.phase) for e in finished.entries]
    gate = order.index(("gate", Phase.OUTCOME))
    assert order.index(("analyze", Phase.OUTCOME)) < gate
    assert order.index(("stop_applications", Phase.INTENT)) > gate
    approved = finished.entries[gate].draft.digest
    plans = [e.draft for e in finished.entries if e.draft.action == "plan"]
    assert [p.digest == approved for p in plans] == [False, True]
    assert plans[1].detail["plan"]["evidence"]["lines"]  # type: ignore[index]


def test_the_old_database_is_kept_whole_and_shut(
    swapped: tuple[Finished, Reader, dict[str, int]], installation: Installation
) -> None:
    finished, _, _ = swapped
    kept = f"{DATABASE}_before_{finished.run_id}"
    _, allowed = installation.state().databases[kept]
    assert not allowed
