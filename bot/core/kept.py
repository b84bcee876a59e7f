"""The databases that restores and rollbacks of a target have set aside, and what dead runs left.

What was set aside is known from the log, by oid; whether it still is, the server says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.errors import DatabaseRefused, Refused, Unavailable
from bot.core.journal import event_of
from bot.core.models import DatabaseFacts, Target
from bot.core.plan import StepName, side_name
from bot.core.ports import AuditLog, Cluster
from bot.core.wording import duration, size
from bot.core.writes import Written, from_note

_LOOK_BACK = 200
"""Changes of place looked through; one that is older has its database listed no more."""

_SIDE = re.compile(r"_restore_(?P<run>[0-9a-f]{8})$")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A change of place, as the log has it.

    Args:
        run_id: of the run that made it.
        operation: ``cut_over`` of a restore, or ``swap_back``.
        at: when it was begun.
        channel: where the run was asked for, ``cli`` for the command line.
        oid: of the database that was to be set aside, None where there was none.
        name: under which.
        serving: oid of the database that took its place.
        retention: retention policies that were armed in the one set aside, None where unknown.
        written: what had been written to the other one by then, None where unknown.
    """

    run_id: str
    operation: StepName
    at: datetime
    channel: str
    oid: int | None
    name: str
    serving: int | None
    retention: tuple[str, ...] | None = None
    written: Mapping[str, Written] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A database that was set aside and is still there."""

    exchange: Exchange
    facts: DatabaseFacts

    @property
    def run_id(self) -> str:
        """The run that set it aside, by which people choose it."""
        return self.exchange.run_id

    def until(self, target: Target) -> datetime:
        """Return until when it is kept without a question."""
        return self.exchange.at + target.keep_previous_for

    def described(self, now: datetime) -> str:
        """Return run, age and size, for a sentence that lists several."""
        age = duration((now - self.exchange.at).total_seconds())
        return f"{self.run_id} (set aside {age} ago, {size(self.facts.size)})"


@dataclass(frozen=True, slots=True)
class KeptReport:
    """What of earlier runs is on a target's server.

    Args:
        kept: databases set aside, the newest first.
        left_over: names of side databases whose runs are dead.
        put_back: the rollback that put the live database back, None where none did.
        problem: why that could not be looked up, empty where it could.
    """

    kept: tuple[Kept, ...] = ()
    left_over: tuple[str, ...] = ()
    put_back: Exchange | None = None
    problem: str = ""


def exchanges(log: AuditLog, target: str) -> tuple[Exchange, ...]:
    """Return the changes of place that were begun on a target, the newest first."""
    found = [
        exchange
        for step in (StepName.CUT_OVER, StepName.SWAP_BACK)
        for exchange in _exchanges(log, target, step)
    ]
    return tuple(sorted(found, key=lambda e: e.at, reverse=True))


def _exchanges(log: AuditLog, target: str, step: StepName) -> Iterator[Exchange]:
    entries = log.entries(Query(target=target, action=step.value, newest=_LOOK_BACK))
    pairs = [(entry.draft.channel, event_of(entry)) for entry in entries]
    done = {e.run_id: e.facts for _, e in pairs if isinstance(e, ev.StepFinished)}
    for channel, event in pairs:
        if not isinstance(event, ev.StepStarted):
            continue
        facts = {**event.facts, **done.get(event.run_id, {})}
        retention = facts.get("retention")
        yield Exchange(
            event.run_id,
            step,
            event.at,
            channel,
            _number(facts.get("oid")),
            str(facts.get("set_aside") or ""),
            _number(facts.get("side_oid")),
            tuple(map(str, retention)) if isinstance(retention, list | tuple) else None,
            from_note(facts.get("written")),
        )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def kept_databases(log: AuditLog, cluster: Cluster, target: str) -> tuple[Kept, ...]:
    """Return what was set aside and still has the name it was given then, the newest first.

    Goes by oid: one that somebody has made by hand under such a name is not ours.
    """
    names = cluster.database_names()
    found: dict[int, Kept] = {}
    for exchange in exchanges(log, target):
        oid = exchange.oid
        if oid is None or oid in found or exchange.name not in names:
            continue
        facts = cluster.database_by_oid(oid)
        if facts is not None and facts.name == exchange.name:
            found[oid] = Kept(exchange, facts)
    return tuple(found.values())


def kept_report(log: AuditLog, cluster: Cluster, target: Target, at_work: str) -> KeptReport:
    """Return what of earlier runs is on the server; what cannot be read is said, not raised.

    Args:
        log: the audit log.
        cluster: the server.
        target: whose.
        at_work: the run that holds the target, whose side database is no left-over.
    """
    try:
        live = cluster.find_database(target.database)
        arrival = came_to_serve(exchanges(log, target.name), live.oid) if live else None
        back = arrival if arrival and arrival.operation is StepName.SWAP_BACK else None
        left = left_overs(cluster.database_names(), target.database, {at_work})
        return KeptReport(kept_databases(log, cluster, target.name), left, back)
    except (DatabaseRefused, Unavailable) as error:
        return KeptReport(problem=str(error))


def target_of(log: AuditLog, run_id: str) -> str:
    """Return the target that a run worked on, empty where the log does not know the run."""
    entries = log.entries(Query(run_id=run_id)) if run_id else ()
    found = (e.draft.target for e in entries if e.draft.run_id == run_id and e.draft.target)
    return next(found, "")


def left_overs(names: Collection[str], live: str, at_work: Collection[str]) -> tuple[str, ...]:
    """Return the side databases of a target whose runs are not at work any more."""
    return tuple(sorted(n for n in names if (run := _run_of(n, live)) and run not in at_work))


def _run_of(name: str, live: str) -> str:
    """Return the run whose side database this is, empty where it is another target's, or none."""
    found = _SIDE.search(name)
    run = found["run"] if found else ""
    return run if run and side_name(live, run) == name else ""


def choose_kept(kept: Sequence[Kept], target: str, run_id: str, now: datetime) -> Kept:
    """Return the kept database that a run set aside, without a run the newest.

    Raises:
        Refused: there is none, or none of that run; the sentence lists what there is.
    """
    if not kept:
        raise Refused("nothing_kept", f"{target} has no kept database; there is no way back.")
    if not run_id:
        return kept[0]
    for one in kept:
        if one.run_id == run_id:
            return one
    there_is = ", ".join(one.described(now) for one in kept)
    raise Refused(
        "not_kept", f"Run {run_id} has no kept database on {target}; name one of: {there_is}."
    )


def came_to_serve(found: Sequence[Exchange], oid: int) -> Exchange | None:
    """Return the newest change of place that put this database in the live one's, None where the
    log has none."""
    return next((e for e in found if e.serving == oid), None)
