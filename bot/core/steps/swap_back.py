"""A kept database gets its name back; the one that served is set aside in its place."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.change_run import ChangeWork
from bot.core.errors import DatabaseRefused, StepFailed, Unavailable
from bot.core.extension_versions import TIMESCALEDB
from bot.core.models import Check, Facts
from bot.core.plan import StepName
from bot.core.points import checklist
from bot.core.status import Expectations, read_status
from bot.core.steps.renaming import armed_retention, exchange_names, note_written, require
from bot.core.steps.server import poll
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.wording import counted

KEPT, KEPT_OID = "the kept database", "its oid"
LIVE_OID, ASIDE = "the live database's oid", "the name it is set aside under"
"""Keys of the plan's subject; a drift is named by them."""

_PAUSE = 1.0  # seconds between tries to open the database


@dataclass(frozen=True, slots=True)
class _Swap:
    """Which databases change places; ``live_oid`` is None where none serves."""

    live: str
    kept: str
    kept_oid: int
    live_oid: int | None
    aside: str


def _swap(work: ChangeWork) -> _Swap:
    subject = work.plan.subject
    live_oid = subject.get(LIVE_OID, "")
    return _Swap(
        work.target.database,
        subject[KEPT],
        int(subject[KEPT_OID]),
        int(live_oid) if live_oid else None,
        subject[ASIDE],
    )


def _intent(work: ChangeWork) -> Intent:
    swap = _swap(work)
    if work.turned and StepName.SWAP_BACK in work.intents:
        # what the databases were before is in the log; now they would say something else
        return Intent(f"let clients into {swap.live} again", work.intents[StepName.SWAP_BACK])
    facts: Facts = {"side_oid": swap.kept_oid}
    if swap.live_oid is None:
        return Intent(f"rename {swap.kept} to {swap.live}", facts)
    return Intent(
        f"end all sessions of {swap.live}, rename it to {swap.aside} and {swap.kept} to "
        f"{swap.live}",
        {
            **facts,
            "oid": swap.live_oid,
            "set_aside": swap.aside,
            "retention": armed_retention(work.live),
        },
    )


def _act(work: ChangeWork) -> Outcome:
    swap = _swap(work)
    ended = 0 if _is_back(work, swap) else _exchange(work, swap)
    facts: Facts = {"ended": ended}
    work.facts[StepName.SWAP_BACK] = facts  # committed: the way back is another rollback
    _open(work)
    return _outcome(work, swap, facts)


def _is_back(work: ChangeWork, swap: _Swap) -> bool:
    found = work.cluster.database_by_oid(swap.kept_oid)
    return found is not None and found.name == swap.live


def _exchange(work: ChangeWork, swap: _Swap) -> int:
    renames = [(swap.kept, swap.live)]
    require(work, swap.kept_oid, swap.kept)
    if swap.live_oid is not None:
        require(work, swap.live_oid, swap.live)
        work.cluster.allow_connections(swap.live, False)
        renames.insert(0, (swap.live, swap.aside))
    return exchange_names(work, renames)


def _open(work: ChangeWork) -> None:
    """Let clients in and wake the workers, also where the server is away for a moment."""
    live, waited = work.live, 0.0
    while True:
        try:
            work.cluster.allow_connections(live.name, True)
            if TIMESCALEDB in live.extensions():
                live.restart_workers()
        except (DatabaseRefused, Unavailable) as error:  # such as a lock that others hold
            if waited >= work.target.restart_timeout:
                raise StepFailed(
                    f"{live.name} is back under its name, and may still refuse connections: "
                    f'ALTER DATABASE "{live.name}" ALLOW_CONNECTIONS true ({error})'
                ) from error
            work.clock.wait(_PAUSE)
            waited += _PAUSE
        else:
            return


def _outcome(work: ChangeWork, swap: _Swap, facts: Facts) -> Outcome:
    aside = f", the one that served is kept as {swap.aside}" if swap.live_oid else ""
    ended = facts.get("ended")
    sessions = f", {counted(ended, 'session')} ended" if isinstance(ended, int) else ""
    return Outcome(
        f"{swap.live} is again what was kept as {swap.kept}{sessions}{aside}",
        {**facts, "written": note_written(work.live)},
    )


def _probe(work: ChangeWork) -> Outcome | None:
    """Done once the kept database has the live name and is open; by oid."""
    swap = _swap(work)
    found = work.cluster.database_by_oid(swap.kept_oid)
    if found is None or found.name != swap.live or not found.allows_connections:
        return None
    return _outcome(work, swap, {})


def _undo(work: ChangeWork) -> str:
    """Let clients into the live database again, unless the renames were committed."""
    swap = _swap(work)
    if swap.live_oid is None:
        return ""
    found = work.cluster.database_by_oid(swap.live_oid)
    if found is None or found.name != swap.live:
        return ""
    if not found.allows_connections:
        work.cluster.allow_connections(swap.live, True)
    if TIMESCALEDB in work.live.extensions():
        work.live.restart_workers()  # a rename that was refused has stopped them as well
    return f"{swap.live} accepts connections"


def _checklist_intent(_: ChangeWork) -> Intent:
    return Intent("check the five points")


def _checklist(work: ChangeWork) -> Outcome:
    """Look until all is green: jobs that were not run for days are all due, and overdue, at once.

    The old database's jobs were never paused by us: nothing is to be armed again.
    """
    expected = Expectations(running=tuple(c.name for c in work.applications))
    seen: list[tuple[Check, ...]] = []

    def green() -> bool:
        seen.append(_points(work, expected))
        return all(check.passed for check in seen[-1])

    poll(work, work.target.worker_timeout, green)
    checks = seen[-1]
    failed = [c for c in checks if not c.passed]
    if not failed:
        return Outcome(f"all {len(checks)} points green", {"green": True}, checks=checks)
    told = "; ".join(f"{c.name}: {c.evidence}" for c in failed)
    return Outcome(
        f"{len(failed)} of {len(checks)} points are not green: {told}",
        {"green": False},
        checks=checks,
    )


def _points(work: ChangeWork, expected: Expectations) -> tuple[Check, ...]:
    status = read_status(work.target, work.host, work.cluster, work.clock.now())
    return checklist(status, expected)


SWAP_BACK = Stage(StepName.SWAP_BACK, _intent, _act, undo=_undo, probe=_probe)
CHECKLIST = Stage(StepName.CHECKLIST, _checklist_intent, _checklist)
