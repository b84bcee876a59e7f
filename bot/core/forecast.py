"""How long a swap takes until its approvers are needed, by the pace of the one before it."""

from __future__ import annotations

from bot.core import events as ev
from bot.core.audit import Phase, Query
from bot.core.journal import event_of
from bot.core.plan import Plan
from bot.core.ports import AuditLog

_LOOK_BACK = 10
"""Gates that are looked at; older restores say little about the next one."""


def until_the_gate(log: AuditLog, plan: Plan) -> float | None:
    """Return the seconds from the plan to the gate with the evidence, None where nobody knows.

    They are those of the target's last swap that came so far, by the size of the dumps.

    Raises:
        AuditUnavailable: the log cannot be read.
    """
    gates = log.entries(Query(target=plan.target.name, action="gate", newest=_LOOK_BACK))
    for entry in reversed(gates):
        opened = event_of(entry) if entry.draft.phase is Phase.INTENT else None
        if not isinstance(opened, ev.GateOpened) or not isinstance(opened.notice.plan, Plan):
            continue
        before = opened.notice.plan
        if before.evidence is None or not before.backup.file.size:
            continue
        plans = log.entries(Query(run_id=before.run_id, action="plan"))
        if plans:
            pace = (entry.at - plans[0].at).total_seconds() / before.backup.file.size
            return pace * plan.backup.file.size
    return None
