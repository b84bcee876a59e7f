"""Killing a restore at every point, taking it up again, and seeing what serves afterwards."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.core.audit import Claim, Query
from bot.core.models import Strategy
from bot.core.plan import ORDER, StepName
from tests.docker.containers import DatabaseContainer
from tests.docker.crash import AFTER, BEFORE, WHILE, Point, spawn
from tests.docker.dumps import take_dump
from tests.docker.sample import DATABASE, create_sample, create_views, row_counts
from tests.docker.tsbot import Installation, age

INSIDE = {
    StepName.STOP_APPLICATIONS: ("stop",),
    StepName.DROP_DATABASE: ("drop_database",),
    StepName.CREATE_DATABASE: ("create_database",),
    StepName.EXTENSIONS: ("create_extension",),
    StepName.PRE_RESTORE: ("pre_restore",),
    StepName.PG_RESTORE: ("write_file", WHILE),
    StepName.RESTORING_OFF: ("set_scheduled", "post_restore"),
    StepName.ANALYZE: ("analyze",),
    StepName.UPDATE_EXTENSIONS: ("default_versions",),
    StepName.CUT_OVER: (
        "apply_settings",
        "allow_connections",
        "terminate",
        "rename",
        "restart_workers",
        "create_extension",
        "load_cron_jobs",
    ),
    StepName.RESTART: ("checkpoint", "restart"),
    StepName.START_APPLICATIONS: ("start",),
    StepName.WORKERS: ("sessions",),
    StepName.JOBS: ("set_scheduled", "forget_cron_runs", "set_cron_active"),
    StepName.CHECKLIST: ("jobs",),
}
"""Calls of each step after which the process is killed."""

MARK = "marked"
"""A schema of the live database that the dump does not hold: it tells the old one from the new."""


def points(strategy: Strategy) -> Iterator[Point]:
    """Yield every point of a strategy: before, in and after each step."""
    for step in ORDER[strategy]:
        for moment in (BEFORE, *INSIDE[step], AFTER):
            if (strategy, step, moment) != (
                Strategy.DROP_FIRST,
                StepName.CUT_OVER,
                "allow_connections",
            ):
                yield Point(step, moment)


def cron_jobs(database: DatabaseContainer) -> list[tuple[Any, ...]]:
    """Return pg_cron's jobs, none where the image lacks it."""
    if database.rows(DATABASE, "SELECT to_regclass('cron.job')") == [(None,)]:
        return []
    return database.rows(DATABASE, _CRON)


@dataclass
class Killing:
    """One installation on which restores are killed, one after the other."""

    installation: Installation
    dump: str
    rows: dict[str, int]
    directory: Path
    cron: list[tuple[Any, ...]]
    _count: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, installation: Installation, directory: Path, *, community: bool) -> "Killing":
        """Make the sample, with views and policies where the edition has them, and dump it."""
        if "pg_cron" in create_sample(installation.database):
            with installation.database.connect(DATABASE) as connection:
                connection.execute(_SCHEDULE)
        if community:
            create_views(installation.database)
        dump = age(installation.database, take_dump(installation.database))
        counts, cron = row_counts(installation.database), cron_jobs(installation.database)
        return cls(installation, dump, counts, directory, cron)

    def tsbot(self, *argv: str, point: Point | None = None) -> tuple[int, str]:
        """Run a command; return its exit code and what it printed."""
        self.installation.write_settings()
        output = self.directory / f"output-{next(self._count)}.txt"
        environment = {**os.environ, **self.installation.environment}
        code = spawn(list(argv), environment, output, point)
        return code, output.read_text(errors="replace")

    def kill(self, point: Point) -> str:
        """Restore until the process dies there and return the run's id."""
        self.mark()
        return self._killed(point, "restore", self.dump, "--yes")

    def kill_rollback(self, point: Point) -> str:
        """Roll back to the newest kept database until the process dies there."""
        return self._killed(point, "rollback", "--yes")

    def kill_repair(self, point: Point) -> str:
        """Repair, approved, until the process dies there."""
        return self._killed(point, "repair", "--yes")

    def _killed(self, point: Point, *argv: str) -> str:
        code, printed = self.tsbot(*argv, point=point)
        assert code == -9, f"{point} was never reached: {printed}"
        [run_id] = {claim.run_id for claim in self.claims()}
        return run_id

    def mark(self) -> None:
        """Let the live database be told from a restored one."""
        with self.installation.database.connect(DATABASE) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {MARK}")

    def claims(self) -> tuple[Claim, ...]:
        """Return the claims that are held."""
        with closing(AuditStore(self.installation.audit_path, SystemClock())) as store:
            return store.claims.held()

    def decisions(self, run_id: str) -> list[str]:
        """Return what `tsbot runs show` offers."""
        code, printed = self.tsbot("runs", "show", run_id)
        assert code == 0, printed
        return [
            name
            for name in ("resume", "undo", "abandon")
            if f"tsbot runs {name} {run_id}" in printed
        ]

    def survive(self, number: int, point: Point) -> None:
        """Kill a restore, go on with it or, every other time where that is possible, take it back,
        and see that the right database serves."""
        run_id = self.kill(point)
        possible = self.decisions(run_id)
        decision = "undo" if "undo" in possible and number % 2 else "resume"
        assert decision in possible
        options = ["--yes"] if decision == "resume" else []
        code, printed = self.tsbot("runs", decision, run_id, *options)
        assert code == 0, printed
        self.assert_safe(run_id, restored=decision == "resume")
        self.tidy()

    def serves_restored(self) -> bool:
        """Whether the restored database has the live name: it has no mark."""
        with self.installation.database.connect(DATABASE) as connection:
            row = connection.execute("SELECT to_regnamespace(%s) IS NULL", [MARK]).fetchone()
        return row == (True,)

    def assert_safe(self, run_id: str, *, restored: bool) -> None:
        """The right database serves, applications run, nothing is left, and the log is whole."""
        database = self.installation.database
        with database.connect(DATABASE) as connection:
            paused = connection.execute(
                "SELECT count(*) FROM timescaledb_information.jobs"
                " WHERE job_id >= 1000 AND NOT scheduled AND proc_name <> 'policy_retention'"
            ).fetchone()
        assert self.serves_restored() is restored
        assert row_counts(database) == self.rows
        assert paused == (0,)
        assert cron_jobs(database) == self.cron
        lives = [self.installation.life(a)[0] for a in self.installation.applications]
        assert lives == ["running", "running", "created"]
        assert self.installation.sides() == []
        assert database.rows("postgres", _SESSIONS) == []
        assert self.claims() == ()
        self._assert_logged(run_id)

    def _assert_logged(self, run_id: str) -> None:
        with closing(AuditStore(self.installation.audit_path, SystemClock())) as store:
            assert store.log.verify().intact
            actions = [e.draft.action for e in store.log.entries(Query(run_id=run_id))]
        assert actions.count("run") == 1
        assert "decision" in actions

    def tidy(self) -> None:
        """Drop the databases that restores have kept."""
        kept = self.installation.database.rows("postgres", _KEPT)
        with self.installation.database.connect() as connection:
            for (name,) in kept:
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                try:
                    connection.execute(drop)
                except psycopg.Error:
                    connection.execute(
                        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(
                            sql.Identifier(name)
                        )
                    )
                    connection.execute(drop)


_KEPT = "SELECT datname FROM pg_database WHERE datname ~ '_before_[0-9a-f]{8}$'"
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tsbot-restore-%%'"
_SCHEDULE = """
SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM sensors');
SELECT cron.schedule('yearly', '0 3 1 1 *', 'VACUUM sensors');
SELECT cron.schedule('off', '0 3 1 1 *', 'SELECT 1');
UPDATE cron.job SET active = false WHERE jobname = 'off';
"""
_CRON = "SELECT jobid, jobname, active, database FROM cron.job ORDER BY jobid"
