"""Cancelling a run that is at work: the card says what it does, and that is what it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.core.permissions import CANCEL_RUN
from tests.adapters.slack.rendering import seen
from tests.docker.dumps import take_dump
from tests.docker.sample import DATABASE
from tests.docker.test_cancel import HELD, HOLDING, SESSIONS
from tests.scenarios.office import Office
from tests.scenarios.run import Run
from tests.scenarios.site import Site


@pytest.fixture
def held(site: Site) -> Iterator[str]:
    """A dump whose restore waits in the middle of the data."""
    with site.database.connect(DATABASE) as connection:
        connection.execute(HELD)
        path = take_dump(site.database, name="held.dump")
        connection.execute("DROP TABLE held_one, held_two")
        connection.execute("DROP FUNCTION held")
    site.shell(f"touch -d '1 hour ago' {path}")
    yield "held.dump"
    site.shell(f"rm {path}")


@pytest.fixture
def at_work(office: Office, held: str) -> Run:
    """A run in the middle of pg_restore, whether its gate stands before or after that."""
    run = office.ask(f"/restore {held} main")
    database = office.site.database

    def holding() -> bool:
        return bool(database.rows("postgres", HOLDING))

    run.until(lambda: run.gates or holding(), "a gate, or pg_restore")
    if run.gates:
        run.approve()
    run.until(holding, "pg_restore in the held table")
    return run


def test_the_card_says_what_cancelling_pg_restore_does_and_it_does_that(at_work: Run) -> None:
    office, site = at_work.office, at_work.office.site
    told = "Cancelling now: at once, pg_restore is ended in the container and in the server"
    office.until(lambda: told in seen(at_work.card().blocks), "what cancelling does")
    assert f"the restored copy {DATABASE}_restore_{at_work.id} is dropped" in seen(
        at_work.card().blocks
    )
    ben, ts = office["ben"], at_work.card().ts
    answer = office.told(ben, lambda: ben.click(CANCEL_RUN.action, "ops", ts, at_work.id))
    assert answer.startswith(f"Run {at_work.id} stops at its next safe point: at once, pg_restore")
    assert at_work.ended() == "cancelled"
    assert site.database.rows("postgres", SESSIONS) == []
    assert "pg_restore" not in str(site.database.container.top()["Processes"])
    assert f"{DATABASE}_restore_{at_work.id}" not in site.databases()
    site.application.reload()
    assert site.application.status == "running"
    office.until(lambda: "cancel_run" not in str(at_work.card().blocks), "a card without button")
    [asked] = at_work.log("cancel")
    assert asked.actor_id == ben.id
