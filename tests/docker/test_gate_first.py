"""The gate before everything, by setting or by distrust; and an end that leaves work to people."""

from collections.abc import Iterator

import pytest

from bot.core.audit import Phase
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample, row_counts
from tests.docker.tsbot import Finished, Installation, age, installed


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("gate-first")) as made:
        yield made.having(strategy="swap")


@pytest.fixture(scope="module")
def dump(installation: Installation) -> str:
    create_sample(installation.database)
    return age(installation.database, take_dump(installation.database))


def order_of(finished: Finished) -> list[tuple[str, Phase]]:
    return [(e.draft.action, e.draft.phase) for e in finished.entries]


def assert_gate_first(finished: Finished) -> None:
    """The gate was passed once, after preflight and before the copy was made."""
    assert finished.exit_code == 0, finished.output
    order = order_of(finished)
    assert order.count(("gate", Phase.OUTCOME)) == 1
    gate = order.index(("gate", Phase.OUTCOME))
    assert order.index(("preflight", Phase.OUTCOME)) < gate
    assert gate < order.index(("create_database", Phase.INTENT))


def test_with_the_gate_at_the_start_nothing_is_created_before_it(
    installation: Installation, dump: str
) -> None:
    finished = installation.having(gate="start").restore(dump, "--yes")
    assert_gate_first(finished)


def test_a_dump_of_somebody_who_is_not_trusted_is_approved_before_it_is_touched(
    installation: Installation, dump: str
) -> None:
    database = installation.database
    code, output = database.exec(
        "bash",
        "-euc",
        f"useradd stranger; cp -p /backup/{dump} /backup/theirs.dump;"
        " chown stranger /backup/theirs.dump; chmod 0644 /backup/theirs.dump",
        user="root",
    )
    assert code == 0, output
    finished = installation.restore("theirs.dump", "--yes")
    assert_gate_first(finished)
    assert "theirs.dump belongs to stranger, whose backups are not trusted" in " ".join(
        finished.output.split()
    )


def test_trusting_its_owner_moves_the_gate_to_the_evidence(
    installation: Installation, dump: str
) -> None:
    trusting = installation.having(trusted_backups=["root", "postgres", "stranger"])
    finished = trusting.restore("theirs.dump", "--yes")
    assert finished.exit_code == 0, finished.output
    order = order_of(finished)
    assert order.index(("analyze", Phase.OUTCOME)) < order.index(("gate", Phase.OUTCOME))


def test_what_a_person_still_has_to_repair_is_in_the_closing_sentence(
    installation: Installation, dump: str
) -> None:
    database = installation.database
    create_sample(database, "source")
    with database.connect("source") as connection:
        connection.execute("CREATE ROLE leaver")
        connection.execute("GRANT SELECT ON notes TO leaver")
    granted = age(database, take_dump(database, "source", "granted.dump"))
    with database.connect("source") as connection:
        connection.execute("DROP OWNED BY leaver; DROP ROLE leaver")
    finished = installation.restore(granted, "--yes")
    assert finished.exit_code == 0, finished.output
    sentence = str(finished.outcome.draft.detail["sentence"])
    assert f"{DATABASE} is restored, all points green, but not all is well." in sentence
    assert "To be repaired by hand: " in sentence
    assert 'role "leaver" does not exist' in sentence
    assert 'CREATE ROLE "leaver"' in sentence
    assert row_counts(database)["notes"] == 9
