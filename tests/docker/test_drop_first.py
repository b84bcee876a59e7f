"""drop-first: the old database goes before the new one is made, and nothing is said to be kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.core.audit import Phase
from bot.core.models import Strategy
from bot.core.plan import ORDER, StepName
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.held import HELD, until_held
from tests.docker.sample import DATABASE, OWNER, READER, create_sample, row_counts
from tests.docker.tsbot import Finished, Installation, age, installed

SETTINGS = f"""
ALTER DATABASE {DATABASE} SET work_mem = '7MB';
ALTER DATABASE {DATABASE} CONNECTION LIMIT 77;
ALTER ROLE {READER} IN DATABASE {DATABASE} SET statement_timeout = '9s';
REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {READER}, {OWNER};
"""
CARRIED = """
SELECT d.datconnlimit, d.datacl::text, coalesce(s.setrole::regrole::text, ''), s.setconfig::text
  FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid
 WHERE d.datname = %s ORDER BY s.setrole
"""
FAILING = """
CREATE FUNCTION public.failing() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    IF current_database() <> 'source' THEN RAISE EXCEPTION 'not here'; END IF;
    RETURN 1;
END $$;
CREATE TABLE public.checked (n int CHECK (public.failing() = n));
INSERT INTO public.checked VALUES (1);
"""


@dataclass(frozen=True)
class Dropped:
    """A restore that dropped the old database, and what was true before."""

    rows: dict[str, int]
    carried: list[tuple[object, ...]]
    oid: int
    finished: Finished


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("drop-first")) as made:
        yield made.having(strategy="drop-first")


@pytest.fixture(scope="module")
def dropped(installation: Installation) -> Dropped:
    database = installation.database
    create_sample(database)
    rows = row_counts(database)
    dump = age(database, take_dump(database))
    with database.connect(DATABASE) as connection:
        connection.execute("DROP TABLE notes")
        connection.execute(SETTINGS)
    oid, _ = installation.state().databases[DATABASE]
    carried = database.rows("postgres", CARRIED, [DATABASE])
    return Dropped(rows, carried, oid, installation.restore(dump, "--yes"))


def test_the_dump_is_restored_in_the_order_of_drop_first_and_nothing_is_kept(
    installation: Installation, dropped: Dropped
) -> None:
    assert dropped.finished.exit_code == 0, dropped.finished.output
    begun = [e.draft.action for e in dropped.finished.entries if e.draft.phase is Phase.INTENT]
    assert begun[2:] == [name.value for name in ORDER[Strategy.DROP_FIRST]]
    assert row_counts(installation.database) == dropped.rows
    databases = installation.state().databases
    assert sorted(n for n in databases if n.startswith(DATABASE)) == [DATABASE]
    assert databases[DATABASE][0] != dropped.oid
    assert "is kept" not in dropped.finished.output


def test_settings_and_grants_of_the_dropped_database_come_back_out_of_the_log(
    installation: Installation, dropped: Dropped
) -> None:
    assert len(dropped.carried) == 2
    assert installation.database.rows("postgres", CARRIED, [DATABASE]) == dropped.carried
    facts = dropped.finished.entry("drop_database", Phase.INTENT).draft.detail["facts"]
    assert isinstance(facts, dict)
    noted = {(s["name"], s["value"]) for s in facts["settings"]["stored"]}
    assert noted == {("work_mem", "7MB"), ("statement_timeout", "9s")}


def test_who_approves_reads_that_it_is_dropped_before_anything_is_done(dropped: Dropped) -> None:
    order = [(e.draft.action, e.draft.phase) for e in dropped.finished.entries]
    gate = order.index(("gate", Phase.OUTCOME))
    assert order.index(("preflight", Phase.OUTCOME)) < gate
    assert gate < order.index(("stop_applications", Phase.INTENT))
    lines = dropped.finished.output.splitlines()
    [head] = [n for n, line in enumerate(lines) if line.startswith("Plan of run")]
    assert "the old database is DROPPED for good, before the restore" in lines[head - 1]


def test_a_failure_after_the_drop_says_that_the_database_is_gone_and_starts_the_applications(
    installation: Installation, dropped: Dropped
) -> None:
    database = installation.database
    create_sample(database, "source")
    with database.connect("source") as connection:
        connection.execute(FAILING)
    dump = age(database, take_dump(database, "source", "failing.dump"))
    finished = installation.restore(dump, "--yes")
    assert finished.exit_code != 0
    assert finished.statuses("drop_database") == ["ok"]
    [why] = [e for e in finished.entries if e.draft.action == StepName.PG_RESTORE.value][-1:]
    assert "not here" in str(why.draft.detail) or "not here" in finished.output
    sentence = str(finished.outcome.draft.detail["sentence"])
    assert f"{DATABASE} was dropped before and is GONE, as drop-first says" in sentence
    assert DATABASE not in installation.state().databases
    assert installation.sides() == []
    lives = [installation.life(a)[0] for a in installation.applications]
    assert lives == ["running", "running", "created"]


def test_restoring_again_after_that_makes_the_database_anew(
    installation: Installation, dropped: Dropped
) -> None:
    finished = installation.restore("sample.dump", "--yes")
    assert finished.exit_code == 0, finished.output
    assert row_counts(installation.database) == dropped.rows


def test_whoever_cancels_after_the_drop_is_not_told_that_there_is_nothing_to_do(
    installation: Installation, dropped: Dropped
) -> None:
    """The last of this file: afterwards there is no database."""
    database = installation.database
    with database.connect(DATABASE) as connection:
        connection.execute(HELD)
    held = age(database, take_dump(database, name="held.dump"))
    with installation.restoring(held, "--yes") as running:
        until_held(database)
        running.type("\x03")
        finished = running.finish()
    assert finished.statuses("drop_database") == ["ok"]
    assert (finished.exit_code, finished.outcome.draft.status) == (1, "failed")
    assert f"{DATABASE} was dropped before and is GONE" in finished.output.replace("\r\n", " ")
