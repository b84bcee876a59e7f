"""Databases change places: sessions end and names move, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from bot.core.errors import DatabaseRefused, DatabaseUnavailable, StepFailed, Unavailable
from bot.core.models import Facts
from bot.core.ports import Database
from bot.core.steps.coming_back import came_back
from bot.core.steps.stage import Tools
from bot.core.wording import shortened
from bot.core.writes import noted

_WITHIN = timedelta(seconds=15)
"""For how long sessions that get in the way are ended again. Nobody is let in meanwhile, and each
refusal takes PostgreSQL 5 s."""

_PAUSE = 0.25  # seconds between tries; a terminated worker needs a moment to be gone
_IN_USE = "55006"  # object_in_use: "database … is being accessed by other users"


def require(work: Tools, oid: int | None, name: str) -> None:
    """Stop where a name has come to mean another database than the approved one.

    Raises:
        StepFailed: it has, or that database is gone.
    """
    found = work.cluster.database_by_oid(oid or 0)
    if found is None or found.name != name:
        raise StepFailed(f"the database {name} is not the one that was approved any more")


def exchange_names(work: Tools, renames: Sequence[tuple[str, str]]) -> int:
    """Terminate and rename until nobody is in the way; all renames are one transaction.

    Returns:
        How many sessions were ended.

    Raises:
        StepFailed: a prepared transaction is in the way, which no session can be ended for.
        DatabaseRefused: somebody is still in the way, or the rename is refused; all names stay.
        DatabaseUnavailable: the connection was lost; all names stay, as far as can be seen.
    """
    ended = 0
    wanted = {new: _oid(work, old) for old, new in renames}
    until = work.clock.now() + _WITHIN
    while True:
        ended += sum(work.cluster.terminate(old) for old, _ in renames)
        _stop_if_prepared(work, [old for old, _ in renames])
        try:
            work.cluster.rename(*renames)
        except DatabaseRefused as error:
            if error.sqlstate != _IN_USE or work.clock.now() >= until:
                raise
            work.clock.wait(_PAUSE)
        except DatabaseUnavailable:
            if _was_committed(work, wanted):
                return ended
            raise
        else:
            return ended


def _stop_if_prepared(work: Tools, names: Iterable[str]) -> None:
    """It may have come after preflight; a rename would wait for it in vain, all clients shut out.

    Raises:
        StepFailed: with the statement that would end it.
    """
    for name in names:
        for found in work.cluster.prepared_transactions(name):
            gid = found.gid.replace("'", "''")
            raise StepFailed(
                f"a prepared transaction in {name} keeps it from being renamed; decide about it "
                f"there, such as by ROLLBACK PREPARED '{gid}', then ask again"
            )


def _was_committed(work: Tools, wanted: Mapping[str, int]) -> bool:
    """Look whether a rename, whose answer was lost with the connection, was done all the same.

    Raises:
        DatabaseUnavailable: the server is gone again.
    """
    return came_back(work) and all(_oid(work, name) == oid for name, oid in wanted.items())


def _oid(work: Tools, name: str) -> int:
    found = work.cluster.find_database(name)
    return found.oid if found else 0


def armed_retention(database: Database) -> list[str] | None:
    """Return the retention policies that run in a database, None where it does not say.

    It is noted before the database is shut: afterwards nobody can ask it any more.
    """
    try:
        jobs = database.jobs()
    except (DatabaseRefused, Unavailable):
        return None
    return [
        f"job {job.id} on {shortened(job.hypertable, 120)}, {_limit(job.config)}"
        for job in jobs
        if job.drops_data and job.scheduled
    ]


def _limit(config: Facts) -> str:
    """Return what a policy drops; TimescaleDB knows two ways to say it."""
    for key in ("drop_after", "drop_created_before"):
        if key in config:
            return f"{key} {config[key]}"
    return "drop_after unknown"


def note_written(database: Database) -> dict[str, list[int]] | None:
    """Return what was written to a database so far, None where that is not known quickly."""
    try:
        return noted(database.written())
    except (DatabaseRefused, Unavailable):
        return None
