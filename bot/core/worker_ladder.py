"""Bringing TimescaleDB's workers back, by the mildest means that does it.

A scheduler that ended is revived only by a message to the launcher, by a new launcher, or by a
restart of PostgreSQL: the launcher's own look every minute sees only databases new to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.core.errors import TsbotError
from bot.core.models import Restart, RestoringLayer, Session, Target
from bot.core.ports import Clock, Cluster, Database
from bot.core.restoring import named, remedies
from bot.core.wording import duration

LAUNCHER = "TimescaleDB Background Worker Launcher"
SCHEDULER = "TimescaleDB Background Worker Scheduler"
"""application_name of TimescaleDB's workers; the launcher is one a cluster, a scheduler belongs
to one database. Source: TimescaleDB's loader."""

LAUNCHER_RETURNS = 75
"""Seconds: PostgreSQL starts a launcher that was ended again after 60, and it needs a moment."""

PAUSE = 0.25  # seconds between looks


@dataclass(frozen=True, slots=True)
class Workers:
    """Who is there for one database; a scheduler of another one does not count."""

    database: str
    launcher: int | None
    scheduler: int | None

    @property
    def complete(self) -> bool:
        """Whether this database's jobs can run."""
        return self.launcher is not None and self.scheduler is not None

    def __str__(self) -> str:
        if self.launcher is None:
            return "no launcher"
        if self.scheduler is None:
            return f"no scheduler for {self.database}"
        return f"launcher pid {self.launcher}, scheduler of this database pid {self.scheduler}"


def workers_of(database: str, sessions: Sequence[Session]) -> Workers:
    """Return who of these sessions are a database's workers, the launcher included."""
    launchers = [s.pid for s in sessions if s.application == LAUNCHER]
    ours = [s.pid for s in sessions if s.application == SCHEDULER and s.database == database]
    return Workers(database, next(iter(launchers), None), next(iter(ours), None))


@dataclass(frozen=True, slots=True)
class Rung:
    """One means of bringing the workers back.

    Args:
        means: what is done, for people.
        do: does it; what it raises is evidence, and the next rung is taken.
        patience: seconds to wait for the workers afterwards.
        through_launcher: whether it is a message that only a launcher could hear.
    """

    means: str
    do: Callable[[], object]
    patience: float
    through_launcher: bool = False


@dataclass(frozen=True, slots=True)
class Climbed:
    """A rung's evidence: what was seen before, what was done, what was seen after."""

    before: str
    means: str
    after: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.before} → {self.means} → {self.after} ({duration(self.seconds)})"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Climbs as far as it must.

    Args:
        database: whose workers.
        cluster: the server.
        clock: time.
        show: takes what is being done, as it is.
    """

    database: Database
    cluster: Cluster
    clock: Clock
    show: Callable[[str], None] = lambda _: None

    def look(self) -> Workers:
        """Return who is there now."""
        return workers_of(self.database.name, self.cluster.sessions())

    def climb(self, rungs: Sequence[Rung]) -> tuple[Climbed, ...]:
        """Take rung after rung until the workers are there; the last one's ``after`` tells."""
        climbed: list[Climbed] = []
        for rung in rungs:
            seen = self.look()
            if rung.through_launcher and seen.launcher is None:
                continue
            climbed.append(self._take(rung, seen))
            if self.look().complete:
                break
        return tuple(climbed)

    def _take(self, rung: Rung, seen: Workers) -> Climbed:
        began = self.clock.now()
        self.show(f"{seen}: {rung.means}")
        trouble = ""
        try:
            rung.do()
        except TsbotError as error:
            trouble = f"{error}; "
        self.wait(rung.patience)
        seconds = (self.clock.now() - began).total_seconds()
        return Climbed(str(seen), rung.means, f"{trouble}{self.look()}", seconds)

    def wait(self, seconds: float) -> bool:
        """Look until the workers are there or the time has passed; return whether they are."""
        waited = 0.0
        while not self.look().complete:
            if waited >= seconds:
                return False
            self.clock.wait(PAUSE)
            waited += PAUSE
        return True

    def blocked(self) -> str:
        """Return where timescaledb.restoring is on, and what to do: no worker starts then.

        Empty where it is off in a new session and at every layer that is this database's.
        """
        value, layers = self.database.restoring(), self.database.restoring_layers()
        holding = [layer for layer in layers if layer.on and _for_all(layer)]
        if value == "off" and not holding:
            return ""
        where = ", ".join(map(named, holding)) or "a new session"
        cure = remedies(tuple(holding), self.database.name)
        return f"timescaledb.restoring is on in {where}, so no worker starts: {cure}"


def _for_all(layer: RestoringLayer) -> bool:
    """Whether a layer touches the workers; one of a single role's touches that role alone."""
    return layer.where not in {"role", "database and role"} or layer.detail == "all roles"


def restart_notice(target: Target) -> str:
    """Return what approvers should know where a run may restart PostgreSQL without a step for it.

    Empty where it never does, and where the restart is a step of its own.
    """
    if target.restart_rule is not Restart.LADDER:
        return ""
    return (
        "If TimescaleDB's workers can't be brought back otherwise, PostgreSQL is restarted, "
        "which ends the sessions of all its databases"
    )
