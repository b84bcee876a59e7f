"""pg_cron's jobs, as a dump has them and as a database does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CronJob:
    """A row of cron.job.

    Args:
        id: its jobid.
        name: its jobname, empty where it has none.
        schedule: when it runs.
        database: where it runs.
        user: as whom.
        active: whether it runs at all.
        columns: the whole row as text; other versions of pg_cron have other columns.
    """

    id: int
    name: str
    schedule: str
    database: str
    user: str
    active: bool
    columns: Mapping[str, str | None]

    @property
    def shown(self) -> str:
        """One word or two for people."""
        return f"{self.id} {self.name}".strip()


def cron_jobs(rows: Iterable[Mapping[str, str | None]]) -> tuple[CronJob, ...]:
    """Read rows of cron.job; a version that knows no ``active`` runs all its jobs."""
    return tuple(
        CronJob(
            int(row.get("jobid") or 0),
            row.get("jobname") or "",
            row.get("schedule") or "",
            row.get("database") or "",
            row.get("username") or "",
            row.get("active", "t") == "t",
            dict(row),
        )
        for row in rows
    )
