"""Databases change places: sessions end and names move, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.errors import DatabaseRefused, Unavailable
from bot.core.models import Facts
from bot.core.ports import Database
from bot.core.steps.stage import Tools
from bot.core.wording import shortened
from bot.core.writes import noted

_TRIES = 20
_PAUSE = 0.25  # seconds between tries; a terminated worker needs a moment to be gone
_IN_USE = "55006"  # object_in_use: "database … is being accessed by other users"


def exchange_names(work: Tools, renames: Sequence[tuple[str, str]]) -> int:
    """Terminate and rename until nobody is in the way; all renames are one transaction.

    Returns:
        How many sessions were ended.

    Raises:
        DatabaseRefused: somebody is still in the way, or the rename is refused; all names stay.
    """
    ended = 0
    for attempt in range(_TRIES):
        ended += sum(work.cluster.terminate(old) for old, _ in renames)
        try:
            work.cluster.rename(*renames)
        except DatabaseRefused as error:
            if error.sqlstate != _IN_USE or attempt == _TRIES - 1:
                raise
            work.clock.wait(_PAUSE)
        else:
            break
    return ended


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
