"""The mutable tables beside the log: claims, deliveries and deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.adapters.audit_log.file import AuditFile
from bot.adapters.audit_log.marks import RunMarks
from bot.core.audit import Claim, Deadline
from bot.core.errors import AuditUnavailable, Refused
from bot.core.ports.time import Clock
from bot.core.when import format_utc

REMEMBERED = timedelta(days=7)
"""How long a delivery is remembered; Slack's last repetition comes minutes after the first."""


class SqliteClaims:
    """Implements the port Claims."""

    def __init__(self, file: AuditFile, marks: RunMarks) -> None:
        self._file, self._marks = file, marks

    def take(self, claim: Claim) -> None:
        """Claim a target for a run of this process; again for the same run keeps the first claim.

        Raises:
            Refused: another run holds it; the sentence says which and since when. Or another
                process works on this run.
        """
        self._marks.put(claim.run_id)  # first: no claim of a living process is without its mark
        try:
            self._insert(claim)
        except (Refused, AuditUnavailable):
            self._marks.remove(claim.run_id)
            raise

    def alive(self, run_id: str) -> bool:
        """Whether a process works on a run."""
        return self._marks.alive(run_id)

    def _insert(self, claim: Claim) -> None:
        with self._file.writing() as db:
            row = next(db.table("claims").rows_where("target = ?", [claim.target]), None)
            if row is None:
                db.table("claims").insert(
                    {
                        "target": claim.target,
                        "run_id": claim.run_id,
                        "holder": claim.holder,
                        "since": _text(claim.since),
                    }
                )
            elif row["run_id"] != claim.run_id:
                raise _busy(
                    Claim(claim.target, row["run_id"], row["holder"], _moment(row["since"]))
                )

    def release(self, target: str, run_id: str) -> None:
        """Give the claim back; no effect where another run holds it."""
        try:
            with self._file.writing() as db:
                db.table("claims").delete_where("target = ? AND run_id = ?", [target, run_id])
        finally:
            self._marks.remove(run_id)  # a claim that could not be given back passes on then

    def held(self) -> tuple[Claim, ...]:
        """Return all claims, by target."""
        with self._file.reading() as db:
            return tuple(
                Claim(row["target"], row["run_id"], row["holder"], _moment(row["since"]))
                for row in db.table("claims").rows_where(order_by="target")
            )


class SqliteDeliveries:
    """Implements the port Deliveries."""

    def __init__(self, file: AuditFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def first(self, delivery: str) -> bool:
        """Remember an event or trigger id and return whether it is new; an empty id always is."""
        if not delivery:
            return True
        now = self._clock.now()
        with self._file.writing() as db:
            db.table("deliveries").delete_where("at < ?", [_text(now - REMEMBERED)])
            inserted = db.execute(
                "INSERT OR IGNORE INTO deliveries (delivery, at) VALUES (?, ?)",
                [delivery, _text(now)],
            )
            return inserted.rowcount == 1


class SqliteDeadlines:
    """Implements the port Deadlines."""

    def __init__(self, file: AuditFile) -> None:
        self._file = file

    def put(self, deadline: Deadline) -> None:
        """Remember a deadline; the same key replaces an earlier one."""
        row = {"key": deadline.key, "run_id": deadline.run_id, "at": _text(deadline.at)}
        with self._file.writing() as db:
            db.table("deadlines").upsert(row, pk="key")

    def remove(self, key: str) -> None:
        """Forget a deadline; no effect where it is unknown."""
        with self._file.writing() as db:
            db.table("deadlines").delete_where("key = ?", [key])

    def pending(self) -> tuple[Deadline, ...]:
        """Return all deadlines, the earliest first."""
        with self._file.reading() as db:
            return tuple(
                Deadline(row["key"], row["run_id"], _moment(row["at"]))
                for row in db.table("deadlines").rows_where(order_by="at, key")
            )


def _busy(held: Claim) -> Refused:
    mention = "" if held.holder.startswith("cli:") else f": “@tsbot cancel {held.run_id}”"
    return Refused(
        "busy",
        f"{held.target} is busy: run {held.run_id} of {held.holder} has held it since "
        f"{format_utc(held.since)}. Wait for it to end, or cancel it{mention}.",
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
