"""The cut-over on a real server: by oid, and true also where the answer to a commit is lost."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.bench import Bench
from bot.core.errors import DatabaseRefused, DatabaseUnavailable, StepFailed
from bot.core.journal import Journal
from bot.core.manifest import NO_MANIFEST
from bot.core.models import ContainerRef, Facts, Strategy, Target
from bot.core.past import Past
from bot.core.plan import Plan, StepName
from bot.core.prepare import RestoreRequest
from bot.core.steps.cron import PAUSED
from bot.core.steps.cut_over import CUT_OVER
from bot.core.steps.database import CREATE, DROP
from bot.core.steps.stage import Work
from bot.core.steps.swap_back import SWAP_BACK
from bot.core.taking_up import UndoneRestore
from bot.core.toc import NO_TOC
from tests.core.run_samples import ANA, a_plan
from tests.docker.containers import DatabaseContainer
from tests.docker.test_swap_back import Pair, pair, swapped

__all__ = ["pair"]

LOST = DatabaseUnavailable("server closed the connection unexpectedly")


class CutAfterRename(PostgresCluster):
    """A server whose answer to the commit of a rename never arrives."""

    def rename(self, *renames: tuple[str, str]) -> None:
        super().rename(*renames)
        raise LOST


class CutBeforeRename(PostgresCluster):
    """A server that is lost before anything is renamed."""

    def rename(self, *renames: tuple[str, str]) -> None:
        raise LOST


class HeldOnce(PostgresCluster):
    """A server on which somebody holds a lock when the database is to be opened."""

    held = 1

    def allow_connections(self, name: str, allowed: bool) -> None:
        if allowed and self.held:
            self.held = 0
            raise DatabaseRefused("canceling statement due to lock timeout", "55P03")
        super().allow_connections(name, allowed)


@dataclass(frozen=True)
class Place:
    """A live database and a restored one beside it."""

    server: DatabaseContainer
    plan: Plan
    side_oid: int

    @property
    def dsn(self) -> str:
        """Of the maintenance database."""
        return self.server.dsn()

    def work(self, cluster: PostgresCluster | None = None) -> Work:
        """A run that has come to its cut-over."""
        nothing: Any = lambda *_: None  # noqa: E731
        made = Work(
            nothing,
            cluster or PostgresCluster(self.dsn),
            SystemClock(),
            nothing,
            nothing,
            bool,
            nothing,
            self.plan,
            NO_TOC,
            NO_MANIFEST,
        )
        made.facts[StepName.CREATE_DATABASE] = {"oid": self.side_oid}
        return made

    def names(self) -> dict[int, str]:
        """What the databases of this test are called, by oid."""
        prefix = self.plan.target.database + "%"
        query = "SELECT oid::int8, datname FROM pg_database WHERE datname LIKE %s"
        return dict(self.server.rows("postgres", query, [prefix]))

    def open(self, name: str) -> bool:
        """Whether a database accepts connections."""
        query = "SELECT datallowconn FROM pg_database WHERE datname = %s"
        [(allowed,)] = self.server.rows("postgres", query, [name])
        return bool(allowed)


@pytest.fixture
def place(shared_database: DatabaseContainer) -> Iterator[Place]:
    cluster = PostgresCluster(shared_database.dsn())
    name = f"exchange_{secrets.token_hex(4)}"
    live = cluster.create_database(name, None, "")
    target = Target("demo", name, ContainerRef("db"), "/backups", strategy=Strategy.SWAP)
    plan = a_plan(target=replace(target, restart_timeout=2), run_id="44d494fb", live=live)
    side = cluster.create_database(plan.side, None, f"tsbot restore run {plan.run_id} of {name}")
    for each in (name, plan.side):
        cluster.database(each).create_extension("timescaledb")
    made = Place(shared_database, plan, side.oid)
    yield made
    for each in made.names().values():
        cluster.drop_database(each)


def test_a_cut_over_whose_commit_was_not_answered_has_happened(place: Place) -> None:
    work = place.work(CutAfterRename(place.dsn))
    outcome = CUT_OVER.act(work)
    assert work.turned
    assert outcome.facts["set_aside"] == place.plan.set_aside
    assert place.names()[place.side_oid] == place.plan.target.database


def test_a_cut_over_that_was_lost_before_it_leaves_all_names_and_is_undone(place: Place) -> None:
    before = place.names()
    work = place.work(CutBeforeRename(place.dsn))
    with pytest.raises(DatabaseUnavailable):
        CUT_OVER.act(work)
    assert not work.turned
    assert "accepts connections again" in CUT_OVER.undo(place.work())
    assert place.names() == before
    assert place.open(place.plan.target.database)


def test_a_rollback_whose_commit_was_not_answered_ends_with_an_open_database(pair: Pair) -> None:
    work = pair.work()
    work.cluster = CutAfterRename(pair.server.dsn())
    SWAP_BACK.act(work)
    assert work.turned
    assert pair.state() == swapped(pair)


def test_a_rollback_that_is_kept_from_opening_its_database_tries_again(pair: Pair) -> None:
    work = pair.work()
    work.cluster = HeldOnce(pair.server.dsn())
    SWAP_BACK.act(work)
    assert pair.state() == swapped(pair)


def test_another_database_that_has_taken_the_live_name_is_not_set_aside(place: Place) -> None:
    cluster = PostgresCluster(place.dsn)
    name = place.plan.target.database
    cluster.rename((name, f"{name}_elsewhere"))
    cluster.create_database(name, None, "somebody's")
    before = place.names()
    with pytest.raises(StepFailed, match="not the one that was approved"):
        CUT_OVER.act(place.work())
    assert place.names() == before
    assert place.open(name)


def test_another_database_that_has_taken_the_copys_name_does_not_come_to_serve(
    place: Place,
) -> None:
    cluster = PostgresCluster(place.dsn)
    cluster.drop_database(place.plan.side)
    cluster.create_database(place.plan.side, None, "")
    before = place.names()
    with pytest.raises(StepFailed, match="not the one that was approved"):
        CUT_OVER.act(place.work())
    assert place.names() == before
    assert place.open(place.plan.target.database)


def test_a_live_database_without_the_extension_is_opened_again_all_the_same(place: Place) -> None:
    name = place.plan.target.database
    with place.server.connect(name) as connection:
        connection.execute("DROP EXTENSION timescaledb CASCADE")
    PostgresCluster(place.dsn).allow_connections(name, False)
    assert "accepts connections again" in CUT_OVER.undo(place.work())
    assert place.open(name)


def test_a_cut_over_taken_up_again_keeps_what_was_noted_before_the_names_moved(
    place: Place,
) -> None:
    CUT_OVER.act(place.work())
    noted: Facts = {PAUSED: [1, 2], "retention": ["job 1003 on metrics"], "written": {"t": [1]}}
    again = place.work()
    again.found_turned = True
    again.intents[StepName.CUT_OVER] = noted
    assert CUT_OVER.intent(again).facts == noted
    assert CUT_OVER.act(again).facts[PAUSED] == [1, 2]


def test_a_rollback_taken_up_again_keeps_what_was_noted_before_the_names_moved(
    pair: Pair,
) -> None:
    SWAP_BACK.act(pair.work())
    again = pair.work()
    again.found_turned = True
    again.intents[StepName.SWAP_BACK] = {"retention": ["job 1003 on metrics"]}
    assert SWAP_BACK.intent(again).facts == {"retention": ["job 1003 on metrics"]}


def undo_after_a_drop(place: Place, path: Path, cluster: PostgresCluster) -> ev.RunFinished:
    """Take back a drop-first restore whose process died in the middle of its drop."""
    target = replace(place.plan.target, strategy=Strategy.DROP_FIRST)
    plan = replace(place.plan, target=target, applications=())
    past = Past(plan, (StepName.DROP_DATABASE,))
    clock = SystemClock()
    bench = Bench(target, DockerHost("unix:///nowhere"), cluster, clock)
    nothing: Any = SimpleNamespace(show=id)
    with closing(AuditStore(path / "audit.db", clock)) as store:
        journal = Journal(store.log, nothing, Draft("run", Phase.NOTE), clock)
        request = RestoreRequest("demo", "latest")
        return UndoneRestore(
            plan.run_id, request, ANA, bench, nothing, journal, bool, past=past
        ).execute()


def test_a_run_that_died_while_it_dropped_the_database_says_that_it_is_gone(
    place: Place, tmp_path: Path
) -> None:
    cluster = PostgresCluster(place.dsn)
    told = undo_after_a_drop(place, tmp_path, cluster).sentence
    assert "the live database was not changed" in told
    cluster.drop_database(place.plan.target.database)
    told = undo_after_a_drop(place, tmp_path, cluster).sentence
    assert f"{place.plan.target.database} was dropped before and is GONE" in told


def test_a_drop_that_happened_is_found_and_one_that_did_not_is_not(place: Place) -> None:
    assert DROP.probe(place.work()) is None
    DROP.act(place.work())
    found = DROP.probe(place.work())
    assert found is not None
    assert found.facts["oid"] == place.plan.live.oid if place.plan.live else None
    assert "dropped" in CREATE.undo(place.work())
