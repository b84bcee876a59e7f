"""A rollback: what a restore has set aside takes its place again, and nothing is dropped."""

import time
from collections.abc import Iterator

import pytest

from bot.core.audit import Phase
from bot.core.plan import set_aside_name
from bot.core.rollback import ORDER
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.reader import Reader, reading
from tests.docker.sample import DATABASE, create_sample
from tests.docker.tsbot import Finished, Installation, age, installed

MOST_MISSED_S = 5
TICKS = "CREATE TABLE public.ticks (at timestamptz DEFAULT clock_timestamp())"


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("rollback")) as made:
        with made.database.connect() as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        made.database.container.restart()
        made.database.wait_until_ready("postgres")
        yield made.having(strategy="swap")


@pytest.fixture(scope="module")
def restored(installation: Installation) -> Finished:
    """A restore of a dump that is older than a table, a setting, a grant and a pg_cron job."""
    database = installation.database
    create_sample(database)
    dump = age(database, take_dump(database))
    with database.connect(DATABASE) as connection:
        connection.execute("CREATE TABLE only_in_the_old_one AS SELECT 1 AS n")
        connection.execute(f"ALTER DATABASE {DATABASE} SET work_mem = '7MB'")
        connection.execute(TICKS)
        connection.execute(
            "SELECT cron.schedule('tick', '1 second', 'INSERT INTO public.ticks DEFAULT VALUES')"
        )
    finished = installation.restore(dump, "--yes")
    assert finished.exit_code == 0, finished.output
    return finished


@pytest.fixture(scope="module")
def oids(installation: Installation, restored: Finished) -> tuple[int, int]:
    """The oids of the old database and of the restored one, before the rollback."""
    databases = installation.state().databases
    return databases[set_aside_name(DATABASE, restored.run_id)][0], databases[DATABASE][0]


@pytest.fixture(scope="module")
def back(
    installation: Installation, oids: tuple[int, int]
) -> tuple[Finished, Reader, tuple[int, int]]:
    """Rows are written to the restored database, then the old one is put back."""
    database = installation.database
    with database.connect(DATABASE) as connection:
        connection.execute("INSERT INTO notes SELECT n, 'late' FROM generate_series(1, 17) n")
        connection.execute("UPDATE sensors SET tags = '{late}' WHERE id <= 5")
        connection.execute("DELETE FROM sensors WHERE id = 50")
        connection.execute(
            "INSERT INTO influx_data SELECT now() + interval '1 second' * n, 1, 0, 'late'"
            " FROM generate_series(1, 23) n"
        )
        connection.execute("SELECT pg_stat_force_next_flush()")
    with reading(database.dsn(DATABASE), "influx_data") as reader:
        finished = installation.rollback("--yes", "--reason", "wrong dump")
    return finished, reader, oids


Back = tuple[Finished, Reader, tuple[int, int]]


def test_the_old_database_is_put_back_with_every_step_in_its_order(
    back: Back, installation: Installation
) -> None:
    finished, _, (old, _) = back
    assert finished.exit_code == 0, finished.output
    begun = [e.draft.action for e in finished.entries if e.draft.phase is Phase.INTENT]
    assert begun == ["rollback", "preflight", *(name.value for name in ORDER)]
    assert installation.state().databases[DATABASE] == (old, True)
    assert "only_in_the_old_one" in str(
        installation.database.rows(DATABASE, "SELECT tablename FROM pg_tables")
    )


def test_a_client_misses_seconds_at_most(back: Back) -> None:
    _, reader, (old, restored) = back
    assert reader.oids == [restored, old]
    assert reader.missed < MOST_MISSED_S


def test_the_restored_database_is_kept_shut_with_all_that_was_written(
    back: Back, installation: Installation
) -> None:
    finished, _, (_, restored) = back
    kept = f"{DATABASE}_rejected_{finished.run_id}"
    assert installation.state().databases[kept] == (restored, False)


def test_what_was_written_since_the_cut_over_is_told_before_the_approval(back: Back) -> None:
    finished, _, _ = back
    entries = [(e.draft.action, e.draft.phase) for e in finished.entries]
    assert entries.index(("plan", Phase.NOTE)) < entries.index(("gate", Phase.OUTCOME))
    plan = finished.entry("plan", Phase.NOTE).draft.detail["plan"]
    assert isinstance(plan, dict)
    assert "Would no longer be seen" in plan["loss"]
    told = "\n".join(plan["lines"])
    assert "40 rows inserted, 5 updated, 1 deleted in 3 tables" in told
    assert "time after" in told
    assert "public.influx_data 23" in told


def test_settings_grants_and_the_workers_are_those_of_the_old_database(
    back: Back, installation: Installation
) -> None:
    finished, _, _ = back
    assert installation.database.rows(DATABASE, "SHOW work_mem") == [("7MB",)]
    assert finished.statuses("workers") == ["ok"]
    assert finished.entry("run", Phase.OUTCOME).draft.status == "succeeded"


def test_jobs_of_pg_cron_run_again_in_the_database_that_was_put_back(
    back: Back, installation: Installation
) -> None:
    assert back[0].exit_code == 0
    before = ticks(installation)
    until = time.monotonic() + 15
    while ticks(installation) == before:
        assert time.monotonic() < until, "pg_cron runs nothing"
        time.sleep(0.2)


def ticks(installation: Installation) -> object:
    return installation.database.rows(DATABASE, "SELECT count(*) FROM public.ticks")


def test_applications_that_ran_run_again_and_others_do_not(
    back: Back, installation: Installation
) -> None:
    assert back[0].statuses("start_applications") == ["ok"]
    states = [installation.life(a)[0] for a in installation.applications]
    assert states == ["running", "running", "created"]


def test_a_second_rollback_brings_the_restored_database_forward_again(
    back: Back, installation: Installation
) -> None:
    first, _, (old, restored) = back
    again = installation.rollback("--yes", "--run", first.run_id)
    assert again.exit_code == 0, again.output
    databases = installation.state().databases
    assert databases[DATABASE] == (restored, True)
    assert databases[f"{DATABASE}_rejected_{again.run_id}"] == (old, False)
    assert installation.database.rows(
        DATABASE, "SELECT count(*) FROM notes WHERE text = 'late'"
    ) == [(17,)]


def test_a_run_that_keeps_nothing_is_refused_with_a_list_of_those_that_do(
    back: Back, installation: Installation
) -> None:
    before = installation.state()
    refused = installation.rollback("--yes", "--run", "00000000")
    assert refused.exit_code == 2
    assert "Run 00000000 has no kept database on prod; name one of: " in refused.output
    assert "set aside" in refused.output
    assert installation.state() == before


@pytest.mark.fault("rename blocked")
def test_a_prepared_transaction_is_found_before_anything_is_stopped(
    back: Back, installation: Installation
) -> None:
    with installation.database.connect(DATABASE) as connection:
        connection.execute("BEGIN; CREATE TABLE public.half (n int)")
        connection.execute("PREPARE TRANSACTION 'half'")
    before = installation.state()
    refused = installation.rollback("--yes")
    with installation.database.connect(DATABASE) as connection:
        connection.execute("ROLLBACK PREPARED 'half'")
    assert refused.exit_code == 1
    assert "ROLLBACK PREPARED 'half'" in refused.output
    assert refused.outcome.draft.status == "refused"
    assert installation.state() == before


@pytest.mark.fault("rename blocked")
def test_a_database_that_cannot_be_renamed_stays_the_live_one_and_is_open_again(
    back: Back, installation: Installation
) -> None:
    """A transaction in another database holds a lock on it: no session in it can be ended."""
    before = installation.state().databases
    with installation.database.connect() as connection:
        connection.execute(f"BEGIN; COMMENT ON DATABASE {DATABASE} IS 'held'")
        failed = installation.rollback("--yes")
        connection.execute("ROLLBACK")
    assert failed.exit_code == 1
    assert failed.entry("run", Phase.OUTCOME).draft.status == "failed"
    assert failed.statuses("swap_back") == ["failed", "undone"]
    assert installation.state().databases == before
    assert [installation.life(a)[0] for a in installation.applications][:2] == ["running"] * 2
    schedulers = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = %s"
    )
    name = "TimescaleDB Background Worker Scheduler"
    assert installation.database.rows("postgres", schedulers, [name, DATABASE]) == [(1,)]
