"""The last restore of a target that changed something, and a later run that broke off, from the
log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.journal import event_of
from bot.core.models import Person
from bot.core.plan import StepName
from bot.core.ports import AuditLog

_LOOK_BACK = 20
"""Requests looked through; most of those that change nothing are dry runs and refusals."""

_NOTHING_CHANGED = {"dry run", "refused", "not approved", "cancelled"}
_BROKE_OFF = {"failed", "interrupted"}


@dataclass(frozen=True, slots=True)
class LastRestore:
    """A restore that put a database in the live one's place.

    Args:
        run_id: of that run.
        at: when it was asked for.
        backup: from which file.
        requester: by whom.
        set_aside: under which name the old database was kept, empty where there was none.
    """

    run_id: str
    at: datetime
    backup: str
    requester: Person
    set_aside: str


def last_restore(log: AuditLog, target: str) -> LastRestore | None:
    """Return it, None where the newest requests hold none."""
    asked = log.entries(Query(target=target, action="restore", newest=_LOOK_BACK))
    for entry in reversed(asked):
        ended = log.entries(Query(run_id=entry.draft.run_id, action=StepName.CUT_OVER.value))
        request = event_of(entry)
        done = [e for e in map(event_of, ended) if isinstance(e, ev.StepFinished)]
        if done and isinstance(request, ev.RunRequested):
            kept = str(done[-1].facts.get("set_aside") or "")
            by = request.origin.person
            file = _file(log, request)
            return LastRestore(request.run_id, request.at, file, by, kept)
    return None


def _file(log: AuditLog, request: ev.RunRequested) -> str:
    """Return the file that was restored: the plan names it where the request said ``latest``."""
    plans = log.entries(Query(run_id=request.run_id, action="plan", newest=1))
    return plans[-1].draft.backup if plans else request.backup


def broken_off(log: AuditLog, target: str) -> ev.RunFinished | None:
    """Return how the target's last run ended, if it failed or was interrupted; those that changed
    nothing are passed over, for what the one before them left behind is still there."""
    for entry in reversed(log.entries(Query(target=target, action="run", newest=_LOOK_BACK))):
        if entry.draft.status not in _NOTHING_CHANGED:
            ended = event_of(entry) if entry.draft.status in _BROKE_OFF else None
            return ended if isinstance(ended, ev.RunFinished) else None
    return None
