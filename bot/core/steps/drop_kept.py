"""A kept database is dropped for good: by oid, shut, and never the one that serves."""

from __future__ import annotations

from bot.core.change_run import ChangeWork
from bot.core.errors import StepFailed
from bot.core.models import DatabaseFacts
from bot.core.plan import StepName
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.steps.swap_back import KEPT, KEPT_OID
from bot.core.wording import size


def _oid(work: ChangeWork) -> int:
    return int(work.plan.subject[KEPT_OID])


def _intent(work: ChangeWork) -> Intent:
    name, oid = work.plan.subject[KEPT], _oid(work)
    return Intent(f"drop {name}, which is oid {oid}", {"oid": oid, "name": name})


def _act(work: ChangeWork) -> Outcome:
    found = work.cluster.database_by_oid(_oid(work))
    if found is None:
        return _gone(work)
    _stop_unless_kept(work, found)
    work.cluster.drop_database(found.name)
    if work.cluster.database_by_oid(found.oid) is not None:
        raise StepFailed(f"{found.name} was to be dropped and is still there")
    return Outcome(f"dropped {found.name}, {size(found.size)} free again")


def _stop_unless_kept(work: ChangeWork, found: DatabaseFacts) -> None:
    """Stop where it has come to serve, or to be used, since it was approved."""
    name = work.plan.subject[KEPT]
    if found.name != name or found.name == work.target.database:
        raise StepFailed(f"oid {found.oid} is now called {found.name}, not {name}; it stays")
    if found.allows_connections:
        raise StepFailed(f"{name} accepts connections: somebody has opened it; it stays")


def _gone(work: ChangeWork) -> Outcome:
    return Outcome(f"{work.plan.subject[KEPT]} is gone")


def _probe(work: ChangeWork) -> Outcome | None:
    return _gone(work) if work.cluster.database_by_oid(_oid(work)) is None else None


DROP_KEPT = Stage(StepName.DROP_KEPT, _intent, _act, probe=_probe)
