"""Why a run cannot be cancelled, and which can."""

from __future__ import annotations

from bot.core.audit import Query
from bot.core.errors import Refused
from bot.core.ports import AuditLog
from bot.core.requests import is_run_id
from bot.core.runs import Runs


def not_at_work(run_id: str, log: AuditLog, runs: Runs) -> Refused:
    """Return what to refuse with where nothing of that id can be cancelled.

    Args:
        run_id: as it was asked for; perhaps no run's id at all.
        log: knows the runs of all times.
        runs: those at work.
    """
    entries = log.entries(Query(run_id=run_id)) if is_run_id(run_id) else ()
    if any(e.draft.action != "command" for e in entries):  # not only attempts to cancel it
        return Refused("run_ended", f"Run {run_id} has ended; there is nothing to cancel.")
    return Refused("unknown_run", f"There is no run “{run_id}”. {_at_work(runs)}")


def _at_work(runs: Runs) -> str:
    found = ", ".join(f"{run.run_id} on {run.target}" for run in runs.at_work())
    return f"At work: {found}." if found else "None is at work now."
