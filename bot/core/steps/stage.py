"""The shape of a step, and what it works with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.core.dump import DumpReader
from bot.core.manifest import Manifest
from bot.core.models import Check, Container, Facts, Target
from bot.core.plan import TURNING, Plan, StepName
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
class Tools(ABC):
    """What the steps of any gated run work with, and what they have learned so far.

    Args:
        host: the engine.
        cluster: the server.
        clock: time.
        progress: takes a share from 0 to 1 and what is being worked on.
        output: takes lines worth showing in the thread.
        cancelled: whether somebody asked to stop.
        relock: takes the advisory lock again after a restart.
        facts: what each step that ended has left for the later ones.
        intents: what was written down before each step that was begun, also by a process that
            died in it.
        found_turned: whether a run that is taken up again was found to have cut over, though it
            died before it could say so.
    """

    host: ContainerHost
    cluster: Cluster
    clock: Clock
    progress: Callable[[float, str], None]
    output: Callable[[tuple[str, ...]], None]
    cancelled: Callable[[], bool]
    relock: Callable[[], None]
    facts: dict[StepName, Facts] = field(default_factory=dict, kw_only=True)
    intents: dict[StepName, Facts] = field(default_factory=dict, kw_only=True)
    found_turned: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def target(self) -> Target:
        """What is worked on."""

    @property
    @abstractmethod
    def container(self) -> Container:
        """The database's container."""

    @property
    @abstractmethod
    def applications(self) -> tuple[Container, ...]:
        """Those that ran when the run was planned; they are stopped and started again."""

    @property
    def live(self) -> Database:
        """The database under the live name, whichever that is now."""
        return self.cluster.database(self.target.database)

    @property
    def turned(self) -> bool:
        """Whether the databases have changed places, so that there is no way back but another
        change."""
        return self.found_turned or any(step in self.facts for step in TURNING)

    def learned(self, step: StepName, key: str) -> list[object]:
        """Return a list that an earlier step left, empty where it did not run."""
        value = self.facts.get(step, {}).get(key, ())
        return list(value) if isinstance(value, list | tuple) else []


@dataclass
class Work(Tools):
    """A restore's plan and tools.

    Args:
        plan: what was approved.
        toc: the dump's table of contents.
        manifest: the dump's own catalog.
        rearm_retention: whether an approver said that retention may run again.
    """

    plan: Plan
    toc: Toc
    manifest: Manifest
    rearm_retention: bool = False

    @property
    def target(self) -> Target:
        """What is restored."""
        return self.plan.target

    @property
    def container(self) -> Container:
        """The database's container."""
        return self.plan.container

    @property
    def applications(self) -> tuple[Container, ...]:
        """Those that ran when the run was planned."""
        return self.plan.applications

    @property
    def side(self) -> Database:
        """The database the dump is restored into, under its side name."""
        return self.cluster.database(self.plan.side)

    @property
    def dump(self) -> DumpReader:
        """Reads the dump in the database's container."""
        return DumpReader(self.host, self.plan.container.id, self.plan.target.exec_user)

    def side_oid(self) -> int | None:
        """Return the oid of the database this run created, None before it did."""
        value = self.facts.get(StepName.CREATE_DATABASE, {}).get("oid")
        return value if isinstance(value, int) else None


W = TypeVar("W", bound=Tools, contravariant=True)


def _nothing(_: Tools) -> str:
    return ""


def _to_be_done(_: Tools) -> Outcome | None:
    return None


@dataclass(frozen=True, slots=True)
class Stage(Generic[W]):
    """One step of a run.

    Args:
        name: which.
        intent: what it is about to do, from the work so far; changes nothing.
        act: does it, and does it again where it was done half. Raises StepFailed, or a port's
            error.
        undo: takes back what `act` did, also where it failed half-way, and says what it took
            back; an empty sentence where there was nothing. Goes by oid and run id, and is safe
            to repeat.
        probe: after a crash, looks whether all of it was done, and returns what `act` would have
            returned; None where it has to be done, or done again. Goes by oid and run id.
        safe: whether it makes things safe again, and so may go on without the audit log.
    """

    name: StepName
    intent: Callable[[W], Intent]
    act: Callable[[W], Outcome]
    undo: Callable[[W], str] = _nothing
    probe: Callable[[W], Outcome | None] = _to_be_done
    safe: bool = False

    @property
    def lasting(self) -> bool:
        """Whether nothing takes back what it does."""
        return self.undo is _nothing
