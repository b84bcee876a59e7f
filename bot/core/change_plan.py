"""A plan of a change that is no restore: swapping back, dropping a kept database, repairing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.audit import canonical
from bot.core.models import Check, Container, Target
from bot.core.plan import SPECS, StepName, StepSpec


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Everything a change will do.

    Args:
        run_id: the run's id.
        target: what is changed.
        operation: ``rollback``, ``drop``, ``repair`` …
        title: in a few words, such as “roll back shop”.
        loss: what would be lost, in one sentence; the approval's first line.
        order: the steps.
        container: the database's container.
        applications: those that are stopped and started again; empty where none is.
        system_identifier: which PostgreSQL.
        subject: what it is done to: oids, names, settings; all of it is part of the digest.
        lines: what approvers should know besides, one sentence each; these values move and are
            shown, not digested.
        reason: why, in the requester's words.
        warnings: what may go wrong.
        checks: what was found while it was made; shown, not digested.
    """

    run_id: str
    target: Target
    operation: str
    title: str
    loss: str
    order: tuple[StepName, ...]
    container: Container
    applications: tuple[Container, ...]
    system_identifier: str
    subject: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    reason: str = ""
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        """The steps, preflight first."""
        return tuple(SPECS[name] for name in (StepName.PREFLIGHT, *self.order))

    def digest(self) -> str:
        """Return the SHA-256 of everything that must not change between approval and action."""
        body = {
            "run": self.run_id,
            "operation": self.operation,
            "target": self.target.name,
            "database": self.target.database,
            "system": self.system_identifier,
            "container": self.container.id,
            "steps": [spec.name.value for spec in self.steps],
            "applications": sorted(a.id for a in self.applications),
            "subject": dict(self.subject),
        }
        return hashlib.sha256(canonical(body).encode()).hexdigest()
