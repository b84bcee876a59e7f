"""What runs of a target that broke off have left, and no later run has settled, from the log.

Goes by the steps and not by how runs ended: a later refresh that ended well starts no application.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.interrupted import read_run
from bot.core.journal import event_of
from bot.core.kept import exchanges
from bot.core.models import Facts
from bot.core.plan import TURNING, StepName
from bot.core.ports import AuditLog
from bot.core.retention import armable

_LOOK_BACK = 200
"""Entries of each such step looked through; what is older is nobody's any more."""

_OPENING = TURNING | {StepName.REPAIR_ACCESS}
_TELLING = _OPENING | {
    StepName.STOP_APPLICATIONS,
    StepName.START_APPLICATIONS,
    StepName.CHECKLIST,
}


@dataclass(frozen=True, slots=True)
class Leavings:
    """What still stands, each with the run that left it so.

    Args:
        shut: the run that came to where the live database is closed, empty for none.
        stopped: runs that stopped an application and did not start it again, by its name.
        paused_by: the run that paused jobs of the live database and did not arm them again, empty
            for none.
        paused: these jobs, those left out that need an approver's word.
    """

    shut: str = ""
    stopped: Mapping[str, str] = field(default_factory=dict)
    paused_by: str = ""
    paused: tuple[int, ...] = ()


def leavings(log: AuditLog, target: str, oid: int) -> Leavings:
    """Return what runs of a target have left.

    Args:
        log: the audit log.
        target: whose.
        oid: of the database that serves now.
    """
    shut, stopped = "", dict[str, str]()
    for event in _events(log, target):
        if isinstance(event, ev.StepStarted):
            shut = event.run_id if event.step in TURNING else shut
            if event.step is StepName.STOP_APPLICATIONS:  # it found them running
                stopped |= dict.fromkeys(_names(event.facts, "applications"), event.run_id)
        elif _is_repaired(event):
            shut, stopped = "", {}
        elif _is_open(event):
            shut = ""
        else:
            started = _started(event, stopped)
            stopped = {name: run for name, run in stopped.items() if name not in started}
    return Leavings(shut, stopped, *_paused(log, target, oid))


def _events(log: AuditLog, target: str) -> Iterator[ev.Event]:
    queries = (Query(target=target, action=s.value, newest=_LOOK_BACK) for s in sorted(_TELLING))
    found = (entry for query in queries for entry in log.entries(query))
    for entry in sorted(found, key=lambda e: e.id):
        event = event_of(entry)
        if event is not None:
            yield event


def _names(facts: Facts, key: str) -> tuple[str, ...]:
    names = facts.get(key, ())
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _is_repaired(event: ev.Event) -> bool:
    """Whether a repair came to its last step: by then it has opened and started all that was left.

    Its checklist alone says what is ``left``.
    """
    match event:
        case ev.StepFinished(step=StepName.CHECKLIST, facts=facts):
            return "left" in facts
        case _:
            return False


def _is_open(event: ev.Event) -> bool:
    """Whether clients may enter the live database again."""
    match event:
        case ev.StepUndone(step=step, ok=True):
            return step in TURNING
        case ev.StepFailed(step=StepName.CUT_OVER, facts=facts):
            return bool(facts)  # the renames were committed, and the restored database is open
        case ev.StepFinished(step=step):
            return step in _OPENING
        case _:
            return False


def _started(event: ev.Event, stopped: Mapping[str, str]) -> frozenset[str]:
    """Return which of the applications run again: its own of a run, or what a repair started."""
    its_own = frozenset(name for name, run in stopped.items() if run == event.run_id)
    match event:
        case ev.StepUndone(step=StepName.STOP_APPLICATIONS, ok=True):
            return its_own
        case ev.StepFinished(step=StepName.START_APPLICATIONS, facts=facts):
            return its_own | {*_names(facts, "started")}
        case _:
            return frozenset()


def _paused(log: AuditLog, target: str, oid: int) -> tuple[str, tuple[int, ...]]:
    """Return the restore that made the database, and the jobs it left paused, if it did."""
    for exchange in exchanges(log, target):
        if exchange.serving == oid and exchange.operation is StepName.CUT_OVER:
            past = read_run(log, exchange.run_id).past
            return exchange.run_id, armable(past) if past else ()
    return "", ()
