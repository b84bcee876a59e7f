"""A plan: what a restore would do, in order; its text is the dry run, its digest is approved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.audit import canonical
from bot.core.models import Backup, Container, DatabaseFacts, Strategy, Target


class StepName(StrEnum):
    """The steps of a restore; the value is what the audit log calls them."""

    PREFLIGHT = "preflight"
    STOP_APPLICATIONS = "stop_applications"
    CREATE_DATABASE = "create_database"
    EXTENSIONS = "extensions"
    PRE_RESTORE = "pre_restore"
    PG_RESTORE = "pg_restore"
    RESTORING_OFF = "restoring_off"
    ANALYZE = "analyze"
    CUT_OVER = "cut_over"
    RESTART = "restart"
    START_APPLICATIONS = "start_applications"
    WORKERS = "workers"
    JOBS = "jobs"
    CHECKLIST = "checklist"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """How a step is called and whether it needs the gate.

    Args:
        name: its key in the log.
        number: its number in the restore procedure of twelve steps, empty for our own.
        title: for people.
        destructive: whether it takes something away from somebody.
    """

    name: StepName
    number: str
    title: str
    destructive: bool = False


SPECS: Mapping[StepName, StepSpec] = {
    spec.name: spec
    for spec in (
        StepSpec(StepName.PREFLIGHT, "", "Preflight"),
        StepSpec(StepName.STOP_APPLICATIONS, "1", "Stop applications", destructive=True),
        StepSpec(StepName.CREATE_DATABASE, "3", "Create database"),
        StepSpec(StepName.EXTENSIONS, "4", "Install extensions"),
        StepSpec(StepName.PRE_RESTORE, "5", "Prepare for restore"),
        StepSpec(StepName.PG_RESTORE, "6", "Restore the dump"),
        StepSpec(StepName.RESTORING_OFF, "7", "Turn restoring off"),
        StepSpec(StepName.ANALYZE, "11", "Analyze and compare"),
        StepSpec(StepName.CUT_OVER, "2", "Terminate connections, cut over", destructive=True),
        StepSpec(StepName.RESTART, "8", "Restart PostgreSQL", destructive=True),
        StepSpec(StepName.START_APPLICATIONS, "12", "Start applications"),
        StepSpec(StepName.WORKERS, "9", "Verify background workers"),
        StepSpec(StepName.JOBS, "10", "Verify job scheduling"),
        StepSpec(StepName.CHECKLIST, "", "Checklist"),
        StepSpec(StepName.REFRESH, "", "Refresh"),
    )
}

ORDER: Mapping[Strategy, tuple[StepName, ...]] = {
    Strategy.IN_PLACE: (
        StepName.STOP_APPLICATIONS,
        StepName.CREATE_DATABASE,
        StepName.EXTENSIONS,
        StepName.PRE_RESTORE,
        StepName.PG_RESTORE,
        StepName.RESTORING_OFF,
        StepName.ANALYZE,
        StepName.CUT_OVER,
        StepName.RESTART,
        StepName.START_APPLICATIONS,
        StepName.WORKERS,
        StepName.JOBS,
        StepName.CHECKLIST,
    ),
}
"""What follows preflight; the gate stands before the first destructive step."""

MAX_NAME = 63
"""Bytes PostgreSQL keeps of an identifier; the rest is cut without a word."""


def side_name(live: str, run_id: str) -> str:
    """Return the name a dump is restored under: the live name cut to fit, and the run's id."""
    return _suffixed(live, f"_restore_{run_id}")


def set_aside_name(live: str, run_id: str) -> str:
    """Return the name the old database keeps after the cut-over."""
    return _suffixed(live, f"_before_{run_id}")


def _suffixed(name: str, suffix: str) -> str:
    room = MAX_NAME - len(suffix.encode())
    return name.encode()[:room].decode(errors="ignore") + suffix


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be lost; these values move and are shown, not digested."""

    since: datetime | None
    newest_row: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a restore will do.

    Args:
        run_id: the run's id.
        target: what is restored.
        backup: from which bytes.
        container: the database's container.
        applications: those running now; they are stopped and started again.
        live: the database that serves now, None where it does not exist yet.
        system_identifier: which PostgreSQL.
        postgres_version: of that server.
        loss: what would be lost.
        reason: why, in the requester's words.
        warnings: what approvers should know.
        retention: retention jobs that would drop what is restored, by description.
    """

    run_id: str
    target: Target
    backup: Backup
    container: Container
    applications: tuple[Container, ...]
    live: DatabaseFacts | None
    system_identifier: str
    postgres_version: str
    loss: Loss
    reason: str = ""
    warnings: tuple[str, ...] = ()
    retention: tuple[str, ...] = field(default=())

    @property
    def side(self) -> str:
        """The name the dump is restored under."""
        return side_name(self.target.database, self.run_id)

    @property
    def set_aside(self) -> str:
        """The name the old database keeps."""
        return set_aside_name(self.target.database, self.run_id)

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        """The steps, preflight first."""
        order = (StepName.PREFLIGHT, *ORDER[self.target.strategy])
        return tuple(SPECS[name] for name in order)

    def digest(self) -> str:
        """Return the SHA-256 of everything that must not change between approval and action."""
        body = {
            "run": self.run_id,
            "target": self.target.name,
            "database": self.target.database,
            "oid": self.live.oid if self.live else None,
            "system": self.system_identifier,
            "container": self.container.id,
            "backup": [self.backup.file.path, self.backup.file.size, self.backup.sha256],
            "steps": [spec.name.value for spec in self.steps],
            "applications": sorted(a.id for a in self.applications),
            "options": [
                self.target.strategy.value,
                self.target.ownership.value,
                sorted(self.target.extensions),
                sorted(self.retention),
            ],
        }
        return hashlib.sha256(canonical(body).encode()).hexdigest()
