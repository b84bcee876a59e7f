"""A restore on real parts in this process, something that goes wrong in it, and what must be true.

Whatever happened: the old or the restored database serves, applications run, the log is whole,
nothing is left behind, and the sentence the run ended with is true.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import psycopg
from psycopg import sql

from bot.app import base
from bot.core import events as ev
from bot.core.audit import Draft, Entry, Phase, Query
from bot.core.bench import Bench
from bot.core.change_plan import ChangePlan
from bot.core.claiming import Claiming
from bot.core.journal import Journal
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.prepare import RestoreRequest
from bot.core.requests import new_run_id
from bot.core.runner import RestoreRun
from bot.settings import load_settings
from tests.docker.containers import DatabaseContainer
from tests.docker.crash import AFTER, BEFORE, WHILE, Fuse, Point
from tests.docker.dumps import take_dump
from tests.docker.held import HELD
from tests.docker.sample import DATABASE, create_sample, row_counts
from tests.docker.tsbot import TARGET, Installation, age

__all__ = ["AFTER", "BEFORE", "WHILE", "Ended", "Point", "Trial"]

DORA = Person("cli:dora", "dora")
MARK = "marked"
"""A schema of the live database that the dump does not hold: it tells the old one from the new."""

UNDONE = "What was begun was undone; the live database was not changed."
_SESSIONS = "SELECT pid, query FROM pg_stat_activity WHERE application_name LIKE 'tsbot%%'"
_KEPT = "SELECT datname FROM pg_database WHERE datname ~ '_(before|restore)_[0-9a-f]{8}$'"
_LISTS = "SELECT f FROM pg_ls_dir(current_setting('data_directory')) f WHERE f LIKE 'tsbot-%%'"


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Args:
        run: its last event.
        entries: what it logged.
        happened: whether the point was reached.
    """

    run: ev.RunFinished
    entries: tuple[Entry, ...]
    happened: bool

    def statuses(self, action: str) -> list[str]:
        """The statuses of an action's outcomes, in their order."""
        drafts = [e.draft for e in self.entries]
        return [d.status for d in drafts if d.action == action and d.phase is Phase.OUTCOME]


@dataclass
class _Stage:
    """Approves everything, and shows each event to the fuse."""

    fuse: Fuse
    watching: Callable[[ev.Event], object]

    def foresee(self, plan: Plan) -> None:
        pass

    def approve(self, plan: Plan | ChangePlan, requester: Person) -> tuple[Person, ...]:
        return (requester,)

    def show(self, event: ev.Event) -> None:
        self.fuse.shown(event)
        self.watching(event)


@dataclass
class Trial:
    """One installation that is restored again and again while something goes wrong.

    Args:
        installation: where.
        dump: of the sample.
        held: of the same, but restoring it waits in the middle.
        rows: of the sample.
    """

    installation: Installation
    dump: str
    held: str
    rows: Mapping[str, int]

    @classmethod
    def of(cls, installation: Installation) -> "Trial":
        """Make the sample and its dumps."""
        database = installation.database
        create_sample(database)
        dump = age(database, take_dump(database), 2)
        with database.connect(DATABASE) as connection:
            connection.execute(HELD)
        held = age(database, take_dump(database, name="held.dump"), 2)
        with database.connect(DATABASE) as connection:
            connection.execute("DROP TABLE held; DROP FUNCTION held(int)")
        return cls(installation, dump, held, row_counts(database))

    @property
    def database(self) -> DatabaseContainer:
        """The container that is restored."""
        return self.installation.database

    def run(
        self,
        point: Point,
        happen: Callable[[], object],
        *,
        dump: str = "",
        watching: Callable[[ev.Event], object] = id,
        **settings: object,
    ) -> Ended:
        """Restore, and let something happen at a point.

        Args:
            point: where.
            happen: what; called once, in the thread that works.
            dump: another than the sample's.
            watching: shown each event as well.
            settings: of the target.
        """
        self.mark()
        fuse = Fuse(point, happen)
        stage, run_id = _Stage(fuse, watching), new_run_id()
        with _configured(self.installation.having(**settings)), base(load_settings()) as parts:
            bench = parts.benches[TARGET]
            fused = Bench(
                bench.target, fuse.around(bench.host), fuse.around(bench.cluster), bench.clock
            )
            draft = Draft("run", Phase.NOTE, channel="cli", target=TARGET)
            journal = Journal(parts.store.log, stage, draft, parts.clock)
            request = RestoreRequest(TARGET, dump or self.dump)
            with Claiming(parts.store.claims).held(bench, run_id, DORA.id):
                run = RestoreRun(run_id, request, DORA, fused, stage, journal, lambda: False)
                finished = run.execute()
            entries = parts.store.log.entries(Query(run_id=run_id))
        return Ended(finished, entries, fuse.blown)

    def mark(self) -> None:
        """Let the live database be known from one that is restored."""
        with self.database.connect(DATABASE) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {MARK}")

    def assert_undone(self, ended: Ended, outcome: str = "failed") -> None:
        """The old database serves, and the run says so."""
        assert ended.happened, ended.run.sentence
        assert ended.run.outcome == outcome, ended.run.sentence
        assert UNDONE in ended.run.sentence, ended.run.sentence
        self.assert_standing(ended, restored=False)

    def assert_restored(self, ended: Ended, outcome: str = "succeeded") -> None:
        """The restored database serves, and the run says so."""
        assert ended.happened, ended.run.sentence
        assert ended.run.outcome == outcome, ended.run.sentence
        assert f"{DATABASE} is restored" in ended.run.sentence
        self.assert_standing(ended, restored=True)

    def assert_standing(self, ended: Ended, *, restored: bool) -> None:
        """One of the two serves, applications run, nothing is left, and the log is whole."""
        self.assert_serves(restored=restored)
        assert self.installation.sides() == []
        assert self.database.rows("postgres", _LISTS) == []
        last = ended.entries[-1].draft
        assert (last.action, last.status) == ("run", ended.run.outcome)
        assert last.detail["sentence"] == ended.run.sentence
        with _configured(self.installation), base(load_settings()) as parts:
            assert parts.store.log.verify().intact
            assert parts.store.claims.held() == ()

    def assert_serves(self, *, restored: bool) -> None:
        """The right database lets clients in, whole; applications run, our sessions are gone."""
        with self.database.connect(DATABASE) as connection:
            row = connection.execute("SELECT to_regnamespace(%s) IS NULL", [MARK]).fetchone()
        assert row == (restored,)
        assert row_counts(self.database) == self.rows
        assert self.lives() == ["running", "running", "created"]
        assert self.database.rows("postgres", _SESSIONS) == []

    def lives(self) -> list[str]:
        """Return what the engine says of each application."""
        return [self.installation.life(a)[0] for a in self.installation.applications]

    def recover(self) -> None:
        """Make the installation fit for the next test, also after one that failed."""
        for container in (self.database.container, *self.installation.applications[:2]):
            container.start()  # no effect where it runs
        self.database.wait_until_ready("postgres")
        with self.database.connect() as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
        self.database.exec("sh", "-c", "rm -f $PGDATA/tsbot-*")
        self.tidy()

    def tidy(self) -> None:
        """Drop the databases that restores have kept or left."""
        with self.database.connect() as connection:
            for (name,) in connection.execute(_KEPT).fetchall():
                one = sql.Identifier(name)
                connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(one))
                try:
                    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(one)
                    connection.execute(drop)
                except psycopg.errors.ObjectInUse:
                    connection.execute(drop)  # a scheduler had just begun


@contextmanager
def _configured(installation: Installation) -> Iterator[None]:
    """Let this process have the settings."""
    installation.write_settings()
    with mock.patch.dict(os.environ, installation.environment):
        yield
