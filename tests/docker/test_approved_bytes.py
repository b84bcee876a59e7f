"""From the approval to the last byte: what was hashed is restored, and a cancel still counts."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core import events as ev
from bot.core.audit import Draft, Phase, Query
from bot.core.bench import Bench
from bot.core.change_plan import ChangePlan
from bot.core.journal import Journal
from bot.core.models import ContainerRef, Person, Strategy, Target
from bot.core.plan import Plan, StepName
from bot.core.prepare import RestoreRequest
from bot.core.requests import new_run_id
from bot.core.runner import RestoreRun
from tests.docker.dumps import take_dump
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, EXTENSIONS, create_sample
from tests.docker.tsbot import DEFAULT_ENGINE, Installation, age, installed

DORA = Person("cli:dora", "dora")


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("approved")) as made:
        create_sample(made.database)
        yield made


@pytest.fixture
def dump(installation: Installation) -> str:
    return age(installation.database, take_dump(installation.database))


@dataclass
class Incident:
    """Lets something happen once, at the approval or when an event is shown.

    Args:
        when: the kind of event, and of which step.
        happen: what happens then.
    """

    when: tuple[type[ev.Event], StepName]
    happen: Callable[[], object]
    over: bool = field(default=False, init=False)

    def foresee(self, plan: Plan) -> None:
        pass

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        if self.when[0] is ev.GateClosed:
            self.happen()
        return (requester,)

    def show(self, event: ev.Event) -> None:
        kind, step = self.when
        if isinstance(event, kind) and getattr(event, "step", None) is step and not self.over:
            self.over = True
            self.happen()


def restored(
    installation: Installation, name: str, incident: Incident, cancelled: threading.Event
) -> tuple[ev.RunFinished, list[str]]:
    """Restore a dump while something happens; return the end, and the actions that were begun."""
    target = Target(
        "prod",
        DATABASE,
        ContainerRef(installation.database.name),
        "/backup",
        tuple(ContainerRef(str(a.name)) for a in installation.applications),
        EXTENSIONS,
        Strategy.IN_PLACE,
    )
    clock, run_id = SystemClock(), new_run_id()
    host = DockerHost(str(installation.target.get("docker", DEFAULT_ENGINE)))
    bench = Bench(target, host, PostgresCluster(installation.database.dsn()), clock)
    store = AuditStore(installation.audit_path, clock)
    journal = Journal(store.log, incident, Draft("run", Phase.NOTE, target="prod"), clock)
    try:
        finished = RestoreRun(
            run_id, RestoreRequest("prod", name), DORA, bench, incident, journal,
            cancelled.is_set,
        ).execute()  # fmt: skip
        drafts = [e.draft for e in store.log.entries(Query(run_id=run_id))]
    finally:
        store.close()
        host.close()
    return finished, [d.action for d in drafts if d.phase is Phase.INTENT]


@pytest.mark.fault("unusable dump")
@pytest.mark.parametrize(
    ("when", "change"),
    [
        ((ev.StepStarted, StepName.EXTENSIONS), "cp -p other.dump $NAME"),
        ((ev.StepStarted, StepName.EXTENSIONS), "ln -sf other.dump $NAME"),
        ((ev.StepProgressed, StepName.PG_RESTORE), "touch -r other.dump $NAME"),
        ((ev.StepProgressed, StepName.PG_RESTORE), "rm $NAME"),
    ],
    ids=["other bytes", "a link to others", "while it is read", "gone while it is read"],
)
def test_a_dump_that_changes_after_its_last_hash_never_becomes_the_live_database(
    installation: Installation,
    dump: str,
    when: tuple[type[ev.Event], StepName],
    change: str,
) -> None:
    database, before = installation.database, installation.state()
    database.exec("sh", "-c", f"cd /backup; cp {dump} other.dump; touch -r {dump} other.dump")
    script = f"cd /backup; {change.replace('$NAME', dump)}"
    incident = Incident(when, lambda: database.exec("sh", "-c", script))
    finished, begun = restored(installation, dump, incident, threading.Event())
    assert incident.over
    assert finished.outcome == "failed"
    assert f"{dump} was replaced, written to or touched after it was approved" in finished.sentence
    assert "cut_over" not in begun
    assert installation.state().databases == before.databases
    running = [installation.life(a)[0] for a in installation.applications]
    assert running == ["running", "running", "created"]
    database.exec("rm", "-f", f"/backup/{dump}")


def test_a_cancel_while_the_approved_dump_is_hashed_again_stops_no_application(
    installation: Installation, dump: str
) -> None:
    before, cancelled = installation.state(), threading.Event()
    incident = Incident((ev.GateClosed, StepName.PREFLIGHT), cancelled.set)
    finished, begun = restored(installation, dump, incident, cancelled)
    assert (finished.outcome, begun) == ("cancelled", ["preflight"])
    assert finished.sentence.endswith("Nothing was changed.")
    assert installation.state() == before
