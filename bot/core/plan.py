"""A plan: what a restore would do, in order; its text is the dry run, its digest is approved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.audit import canonical
from bot.core.models import Backup, Container, DatabaseFacts, GateAt, Restart, Strategy, Target


class StepName(StrEnum):
    """The steps of a restore; the value is what the audit log calls them."""

    PREFLIGHT = "preflight"
    STOP_APPLICATIONS = "stop_applications"
    DROP_DATABASE = "drop_database"
    CREATE_DATABASE = "create_database"
    EXTENSIONS = "extensions"
    PRE_RESTORE = "pre_restore"
    PG_RESTORE = "pg_restore"
    RESTORING_OFF = "restoring_off"
    ANALYZE = "analyze"
    UPDATE_EXTENSIONS = "update_extensions"
    CUT_OVER = "cut_over"
    RESTART = "restart"
    START_APPLICATIONS = "start_applications"
    WORKERS = "workers"
    JOBS = "jobs"
    CHECKLIST = "checklist"
    REFRESH = "refresh"
    RUN_JOB = "run_job"
    RUN_RETENTION = "run_retention"
    SWAP_BACK = "swap_back"
    DROP_KEPT = "drop_kept"
    REPAIR_ACCESS = "repair_access"
    REPAIR_RETENTION = "repair_retention"
    REPAIR_RESTORING = "repair_restoring"
    REPAIR_WORKERS = "repair_workers"
    REPAIR_SETTINGS = "repair_settings"
    REPAIR_LAUNCHER = "repair_launcher"


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
        StepSpec(StepName.DROP_DATABASE, "3", "Drop the old database", destructive=True),
        StepSpec(StepName.CREATE_DATABASE, "3", "Create database"),
        StepSpec(StepName.EXTENSIONS, "4", "Install extensions"),
        StepSpec(StepName.PRE_RESTORE, "5", "Prepare for restore"),
        StepSpec(StepName.PG_RESTORE, "6", "Restore the dump"),
        StepSpec(StepName.RESTORING_OFF, "7", "Turn restoring off"),
        StepSpec(StepName.ANALYZE, "11", "Analyze and compare"),
        StepSpec(StepName.UPDATE_EXTENSIONS, "", "Update TimescaleDB"),
        StepSpec(StepName.CUT_OVER, "2", "Terminate connections, cut over", destructive=True),
        StepSpec(StepName.RESTART, "8", "Restart PostgreSQL", destructive=True),
        StepSpec(StepName.START_APPLICATIONS, "12", "Start applications"),
        StepSpec(StepName.WORKERS, "9", "Verify background workers"),
        StepSpec(StepName.JOBS, "10", "Verify job scheduling"),
        StepSpec(StepName.CHECKLIST, "", "Checklist"),
        StepSpec(StepName.REFRESH, "", "Refresh"),
        StepSpec(StepName.RUN_JOB, "", "Run the job"),
        StepSpec(StepName.RUN_RETENTION, "", "Run the retention job", destructive=True),
        StepSpec(StepName.SWAP_BACK, "", "Swap back", destructive=True),
        StepSpec(StepName.DROP_KEPT, "", "Drop the kept database", destructive=True),
        StepSpec(StepName.REPAIR_ACCESS, "", "Open the database again"),
        StepSpec(StepName.REPAIR_RETENTION, "", "Hold retention back"),
        StepSpec(StepName.REPAIR_RESTORING, "", "Reset restoring"),
        StepSpec(StepName.REPAIR_WORKERS, "", "Wake the workers"),
        StepSpec(StepName.REPAIR_SETTINGS, "", "Change server settings", destructive=True),
        StepSpec(StepName.REPAIR_LAUNCHER, "", "End TimescaleDB's launcher", destructive=True),
    )
}

COPY = (
    StepName.CREATE_DATABASE,
    StepName.EXTENSIONS,
    StepName.PRE_RESTORE,
    StepName.PG_RESTORE,
    StepName.RESTORING_OFF,
    StepName.ANALYZE,
    StepName.UPDATE_EXTENSIONS,
)
"""What makes the restored database beside the one that serves; half of it is worth nothing."""

_PROOF = (StepName.WORKERS, StepName.JOBS, StepName.CHECKLIST)

ORDER: Mapping[Strategy, tuple[StepName, ...]] = {
    Strategy.SWAP: (
        *COPY,
        StepName.STOP_APPLICATIONS,
        StepName.CUT_OVER,
        StepName.START_APPLICATIONS,
        *_PROOF,
    ),
    Strategy.IN_PLACE: (
        StepName.STOP_APPLICATIONS,
        *COPY,
        StepName.CUT_OVER,
        StepName.RESTART,
        StepName.START_APPLICATIONS,
        *_PROOF,
    ),
    Strategy.DROP_FIRST: (
        StepName.STOP_APPLICATIONS,
        StepName.DROP_DATABASE,
        *COPY,
        StepName.CUT_OVER,
        StepName.RESTART,
        StepName.START_APPLICATIONS,
        *_PROOF,
    ),
}
"""What follows preflight; the gate stands before the first destructive step."""


def order_of(target: Target) -> tuple[StepName, ...]:
    """Return the steps of a target's strategy, with a restart of PostgreSQL where it always is."""
    order = tuple(name for name in ORDER[target.strategy] if name is not StepName.RESTART)
    if target.restart_rule is not Restart.ALWAYS:
        return order
    after = order.index(StepName.CUT_OVER) + 1
    return (*order[:after], StepName.RESTART, *order[after:])


TURNING = frozenset({StepName.CUT_OVER, StepName.SWAP_BACK})
"""Steps in which databases change places: before, everything is undone; after, nothing is."""

MAX_NAME = 63
"""Bytes PostgreSQL keeps of an identifier; the rest is cut without a word."""


def side_name(live: str, run_id: str) -> str:
    """Return the name a dump is restored under: the live name cut to fit, and the run's id."""
    return _suffixed(live, f"_restore_{run_id}")


def set_aside_name(live: str, run_id: str) -> str:
    """Return the name the old database keeps after the cut-over."""
    return _suffixed(live, f"_before_{run_id}")


def rejected_name(live: str, run_id: str) -> str:
    """Return the name a database keeps that a rollback, with that run's id, sets aside."""
    return _suffixed(live, f"_rejected_{run_id}")


def _suffixed(name: str, suffix: str) -> str:
    room = MAX_NAME - len(suffix.encode())
    return name.encode()[:room].decode(errors="ignore") + suffix


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be lost; these values move and are shown, not digested."""

    since: datetime | None
    newest_row: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a restored copy was found to be before it takes the place of the live database.

    Args:
        side_oid: the copy, whatever it is called.
        lines: what was compared, each with what was seen; approvers vote on these.
    """

    side_oid: int
    lines: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The hash of all of it."""
        body = {"side_oid": self.side_oid, "lines": list(self.lines)}
        return hashlib.sha256(canonical(body).encode()).hexdigest()


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
        early_gate: why approvers are asked before anything is done, empty where they need not be.
        evidence: what the restored copy is, once it stands beside the live database.
        contents: what the dump holds, in lines for people; its bytes are digested.
        timescaledb_after: the version that TimescaleDB is brought to once everything is restored
            and compared, empty where it stays at the dump's.
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
    early_gate: str = ""
    evidence: Evidence | None = None
    contents: tuple[str, ...] = ()
    timescaledb_after: str = ""

    @property
    def gate_first(self) -> bool:
        """Whether the gate stands before everything."""
        return bool(self.early_gate) or self.target.gate is GateAt.START

    @property
    def replaced(self) -> DatabaseFacts | None:
        """The database that is set aside in the cut-over; None where none is left to be."""
        return None if self.target.strategy is Strategy.DROP_FIRST else self.live

    @property
    def timescaledb(self) -> str:
        """The dump's version of TimescaleDB, with the one it is updated to, for people."""
        version = self.backup.timescaledb_version
        return f"{version} → {self.timescaledb_after}" if self.timescaledb_after else version

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
        order = (StepName.PREFLIGHT, *order_of(self.target))
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
                self.target.gate.value,
                self.target.ownership.value,
                self.target.restart_rule.value,
                self.target.job_owners.value,
                self.target.count_rows,
                sorted(self.target.extensions),
                sorted(self.retention),
            ],
            "timescaledb": self.timescaledb_after,
            "evidence": self.evidence.sha256 if self.evidence else "",
        }
        return hashlib.sha256(canonical(body).encode()).hexdigest()
