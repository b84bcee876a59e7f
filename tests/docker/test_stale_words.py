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
from bot.adapters.postgres import PostgresCluster, database
from bot.core import events as ev
from bot.core.audit import Claim, Draft, Phase, Query
from bot.core.bench import Bench
from bot.core.claiming import Claiming
from bot.core.errors import Refused, TsbotError
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

    def arm(self, run_id: str) -> tuple[int, ...]:
        draft = Draft("run", Phase.NOTE, target="prod")
        journal = Journal(self.store.log, Unseen(), draft, self.bench.clock)
        waiting = waiting_after(self.store.log, run_id)
        return arm(waiting, {"prod": self.bench}, self.store.claims, journal, BEN)

    def armed(self) -> bool:
        made = self.bench.cluster.database(self.bench.target.database)
        return next(j for j in made.jobs() if j.id == self.job).scheduled


@pytest.fixture
def place(shared_database: DatabaseContainer, tmp_path: Path) -> Iterator[Place]:
    clock, cluster = SystemClock(), PostgresCluster(shared_database.dsn())
    name = f"stale_{secrets.token_hex(4)}"
    cluster.create_database(name, None, made_by(RUN, name))
    made = cluster.database(name)
    made.create_extension("timescaledb")
    job = made.jobs()[0].id
    made.set_scheduled([job], False)
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


def armings(place: Place) -> list[str]:
    """Return intents, which have no status, and outcomes."""
    entries = place.store.log.entries(Query(action="arm_retention"))
    return [entry.draft.status for entry in entries]


def test_retention_is_armed_in_the_database_that_the_run_made(place: Place) -> None:
    place.arm(RUN)
    assert place.armed()
    assert armings(place) == ["", "ok"]


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
    assert armings(place) == []


def left_paused(place: Place, *jobs: int) -> None:
    """Write down that the restore left these jobs paused."""
    draft = Draft("run", Phase.NOTE, target="prod")
    Journal(place.store.log, Unseen(), draft, place.bench.clock).record(
        ev.StepFinished(
            run_id=RUN,
            at=NOW,
            step=StepName.JOBS,
            summary="",
            seconds=0,
            facts={"waiting": list(jobs)},
        )
    )


def test_what_could_not_be_armed_is_not_called_armed_and_the_next_click_arms_it(
    place: Place, shared_database: DatabaseContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.5)
    with shared_database.connect(place.bench.target.database) as somebody, somebody.transaction():
        somebody.execute("LOCK TABLE _timescaledb_config.bgw_job IN SHARE MODE")
        with pytest.raises(TsbotError, match="lock timeout"):
            place.arm(RUN)
    assert not place.armed()
    assert waiting_after(place.store.log, RUN).jobs == (place.job,)  # as /repair lists it
    place.arm(RUN)
    assert place.armed()
    assert armings(place) == ["", "failed", "", "ok"]
    with pytest.raises(Refused, match=f"Retention of run {RUN} runs again already"):
        place.arm(RUN)


def test_a_process_that_died_before_it_armed_anything_keeps_nobody_from_arming_it(
    place: Place,
) -> None:
    draft = Draft("run", Phase.NOTE, target="prod")
    journal = Journal(place.store.log, Unseen(), draft, place.bench.clock)
    journal.record(ev.RetentionArmed(run_id=RUN, at=NOW, person=BEN, jobs=(place.job,)))
    place.arm(RUN)
    assert place.armed()


def test_a_job_that_was_deleted_meanwhile_keeps_no_other_paused(place: Place) -> None:
    left_paused(place, 999_999, place.job)
    assert place.arm(RUN) == (place.job,)
    assert place.armed()
    left_paused(place, 999_999)
    with pytest.raises(Refused, match=f"no longer has the retention jobs that run {RUN} left"):
        place.arm(RUN)


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
