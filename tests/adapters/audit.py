"""What the tests of the audit database share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.audit import Draft, Phase

START = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


class SteppingClock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def draft(action: str = "stop applications", run_id: str = "r1", **fields: object) -> Draft:
    return Draft(action=action, phase=Phase.INTENT, run_id=run_id, **fields)  # type: ignore[arg-type]


@contextmanager
def intruder(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file and a SQLite shell; what they do is committed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def without_triggers(path: Path, *statements: str) -> None:
    """Drop the triggers, change the log, and put the triggers back as they were."""
    with intruder(path) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in triggers:
            db.execute(sql)
