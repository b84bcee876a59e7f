"""Old buttons and old claims: neither acts on what has taken the place of what they meant."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core import events as ev
from bot.core.audit import Claim, Draft, Phase, Query
from bot.core.bench import Bench
from bot.core.claiming import Claiming
from bot.core.errors import Refused
from bot.core.journal import Journal
from bot.core.models import ContainerRef, Person, Target
from bot.core.plan import StepName
from bot.core.retention import arm, waiting_after
from bot.core.steps.database import made_by
from tests.core.run_samples import a_plan, requested
from tests.docker.containers import DatabaseContainer

BEN = Person("U0BEN", "ben")
RUN = "0a1b2c3d"
NOW = datetime.now(UTC)


class Unseen:
    """Shows nothing."""

    def show(self, event: ev.Event) -> None:
        pass


@dataclass(frozen=True)
class Place:
    """A database of its own, and a log that says which job its restore left paused."""

    bench: Bench
    store: AuditStore
    audit: Path
    job: int

    def arm(self, run_id: str) -> None:
        draft = Draft("run", Phase.NOTE, target="prod")
        journal = Journal(self.store.log, Unseen(), draft, self.bench.clock)
        waiting = waiting_after(self.store.log, run_id)
        arm(waiting, {"prod": self.bench}, self.store.claims, journal, BEN)

    def armed(self) -> bool:
        database = self.bench.cluster.database(self.bench.target.database)
        return next(j for j in database.jobs() if j.id == self.job).scheduled


@pytest.fixture
def place(shared_database: DatabaseContainer, tmp_path: Path) -> Iterator[Place]:
    clock, cluster = SystemClock(), PostgresCluster(shared_database.dsn())
    name = f"stale_{secrets.token_hex(4)}"
    cluster.create_database(name, None, made_by(RUN, name))
    database = cluster.database(name)
    database.create_extension("timescaledb")
    job = database.jobs()[0].id
    database.set_scheduled([job], False)
    target = Target("prod", name, ContainerRef(shared_database.name), "/backup")
    bench = Bench(target, DockerHost("unix:///nowhere"), cluster, clock)
    with closing(AuditStore(tmp_path / "audit.db", clock)) as store:
        journal = Journal(store.log, Unseen(), Draft("run", Phase.NOTE, target="prod"), clock)
        left = {"waiting": [job]}
        journal.record(
            ev.StepFinished(
                run_id=RUN, at=NOW, step=StepName.JOBS, summary="", seconds=0, facts=left
            )
        )
        yield Place(bench, store, tmp_path / "audit.db", job)
    cluster.drop_database(name)


def armings(place: Place) -> int:
    return len(place.store.log.entries(Query(action="arm_retention")))


def test_retention_is_armed_in_the_database_that_the_run_made(place: Place) -> None:
    place.arm(RUN)
    assert place.armed()
    assert armings(place) == 1


def test_the_button_of_an_older_restore_arms_nothing_in_the_database_of_a_newer_one(
    place: Place, shared_database: DatabaseContainer
) -> None:
    name = place.bench.target.database
    with shared_database.connect() as connection:
        comment = made_by("ffffffff", name)
        connection.execute(f"COMMENT ON DATABASE {name} IS '{comment}'".encode())
    with pytest.raises(Refused, match=f"no longer the database that run {RUN} restored"):
        place.arm(RUN)
    assert not place.armed()
    assert armings(place) == 0


@pytest.mark.parametrize("value", ["", "0", RUN[:4], RUN[:-1]])
def test_a_button_needs_the_whole_id_of_its_run(place: Place, value: str) -> None:
    with pytest.raises(Refused, match="left no retention job waiting"):
        place.arm(value)
    assert not place.armed()


def test_a_run_of_this_process_keeps_its_claim_while_its_lock_is_gone(place: Place) -> None:
    claimed(place, RUN)
    working = Claiming(place.store.claims, lambda run_id: run_id == RUN)
    with pytest.raises(Refused, match=f"run {RUN} of tsbot"):
        working.take(place.bench, "11111111", "tsbot")
    Claiming(place.store.claims).take(place.bench, "11111111", "tsbot")
    assert [c.run_id for c in place.store.claims.held()] == ["11111111"]


LONG_AGO = NOW - timedelta(minutes=2)


def claimed(place: Place, run_id: str) -> None:
    """Let another process take a claim, and end."""
    with closing(AuditStore(place.audit, place.bench.clock)) as other:
        other.claims.take(Claim("prod", run_id, "tsbot", LONG_AGO))


def holders(place: Place) -> list[str]:
    return [claim.run_id for claim in place.store.claims.held()]


def test_arming_retention_takes_no_claim_from_a_run_that_waits_for_a_decision(
    place: Place,
) -> None:
    claimed(place, "dead0000")
    draft = Draft("run", Phase.NOTE, target="prod")
    journal = Journal(place.store.log, Unseen(), draft, place.bench.clock)
    waiting = waiting_after(place.store.log, RUN)
    with pytest.raises(Refused, match="dead0000"):
        arm(waiting, {"prod": place.bench}, place.store.claims, journal, BEN, "dead0000".__eq__)
    assert holders(place) == ["dead0000"]
    assert not place.armed()


@pytest.mark.parametrize("ended", [False, True])
def test_nobody_begins_on_top_of_what_a_dead_run_has_left(place: Place, *, ended: bool) -> None:
    log, plan = place.store.log, a_plan(run_id="dead0000")
    draft = Draft("run", Phase.NOTE, target="prod")
    journal = Journal(log, Unseen(), draft, place.bench.clock)
    journal.record(requested(run_id="dead0000"))
    journal.record(ev.RunPlanned(run_id="dead0000", at=NOW, plan=plan, digest=plan.digest()))
    step = StepName.STOP_APPLICATIONS
    journal.record(ev.StepStarted(run_id="dead0000", at=NOW, step=step, intent="stop grafana"))
    if ended:
        journal.record(ev.StepUndone(run_id="dead0000", at=NOW, step=step, summary="", ok=True))
    claimed(place, "dead0000")
    claiming = Claiming(place.store.claims, log=log)
    if ended:
        claiming.take(place.bench, "beef0000", "cli:dora")
        assert holders(place) == ["beef0000"]
        return
    with pytest.raises(Refused, match="Run dead0000 died and holds prod"):
        claiming.take(place.bench, "beef0000", "cli:dora")
    with pytest.raises(Refused, match="Run dead0000 died and holds prod"):
        place.arm(RUN)
    assert holders(place) == ["dead0000"]
