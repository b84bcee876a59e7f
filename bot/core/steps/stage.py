"""The shape of a step, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.core.dump import DumpReader
from bot.core.manifest import Manifest
from bot.core.models import Check, Facts
from bot.core.plan import Plan, StepName
from bot.core.ports import Clock, Cluster, ContainerHost, Database
from bot.core.toc import Toc


@dataclass(frozen=True, slots=True)
class Intent:
    """What a step is about to do, written down before it does.

    Args:
        sentence: for people.
        facts: for recovery, such as which containers will be stopped.
    """

    sentence: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did.

    Args:
        summary: for people.
        facts: for later steps and for recovery; JSON only.
        tail: last lines of what a program printed.
        checks: what was verified, for steps that verify.
    """

    summary: str
    facts: Facts = field(default_factory=dict)
    tail: str = ""
    checks: tuple[Check, ...] = ()


@dataclass
class Work:
    """A run's plan, its tools, and what its steps have learned so far.

    Args:
        plan: what was approved.
        toc: the dump's table of contents.
        manifest: the dump's own catalog.
        host: the engine.
        cluster: the server.
        clock: time.
        progress: takes a share from 0 to 1 and what is being worked on.
        output: takes lines worth showing in the thread.
        cancelled: whether somebody asked to stop.
        relock: takes the advisory lock again after a restart.
        rearm_retention: whether an approver said that retention may run again.
    """

    plan: Plan
    toc: Toc
    manifest: Manifest
    host: ContainerHost
    cluster: Cluster
    clock: Clock
    progress: Callable[[float, str], None]
    output: Callable[[tuple[str, ...]], None]
    cancelled: Callable[[], bool]
    relock: Callable[[], None]
    rearm_retention: bool = False
    facts: dict[StepName, Facts] = field(default_factory=dict)

    @property
    def side(self) -> Database:
        """The database the dump is restored into, under its side name."""
        return self.cluster.database(self.plan.side)

    @property
    def live(self) -> Database:
        """The database under the live name, whichever that is now."""
        return self.cluster.database(self.plan.target.database)

    @property
    def dump(self) -> DumpReader:
        """Reads the dump in the database's container."""
        return DumpReader(self.host, self.plan.container.id, self.plan.target.exec_user)

    def learned(self, step: StepName, key: str) -> list[object]:
        """Return a list that an earlier step left, empty where it did not run."""
        value = self.facts.get(step, {}).get(key, ())
        return list(value) if isinstance(value, list | tuple) else []

    def side_oid(self) -> int | None:
        """Return the oid of the database this run created, None before it did."""
        value = self.facts.get(StepName.CREATE_DATABASE, {}).get("oid")
        return value if isinstance(value, int) else None


def _nothing(_: Work) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run.

    Args:
        name: which.
        intent: what it is about to do, from the work so far; changes nothing.
        act: does it. Raises StepFailed, or a port's error.
        undo: takes back what `act` did, also where it failed half-way, and says what it took
            back; an empty sentence where there was nothing. Goes by oid and run id, and is safe
            to repeat.
        safe: whether it makes things safe again, and so may go on without the audit log.
    """

    name: StepName
    intent: Callable[[Work], Intent]
    act: Callable[[Work], Outcome]
    undo: Callable[[Work], str] = _nothing
    safe: bool = False
