"""One database of the server: each method is a session of its own, opened, used and closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.adapters.postgres import (
    aggregates,
    cron,
    extension,
    inventory,
    job_work,
    jobs,
    refreshable,
    restoring,
    retention,
    rows,
    writes,
)
from bot.adapters.postgres.connection import LOCK_TIMEOUT, STATUS_TIMEOUT, Connector
from bot.core.cron import CronJob
from bot.core.errors import DatabaseRefused
from bot.core.inventory import Inventory
from bot.core.jobs import Job, JobWork
from bot.core.models import ContinuousAggregate, RestoringLayer
from bot.core.sql_names import Relation
from bot.core.writes import Written


class PostgresDatabase:
    """The port ``Database``; without TimescaleDB what is listed is empty and calls are refused.

    Every method raises DatabaseUnavailable where no connection can be had or it is lost, and
    DatabaseRefused where PostgreSQL answers with an error.

    Args:
        connector: opens the sessions.
        name: the database's.
    """

    def __init__(self, connector: Connector, name: str) -> None:
        self._connector = connector
        self.name = name

    def extensions(self) -> Mapping[str, str]:
        """Return the installed extensions with their versions."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return extension.installed(connection)

    def create_extension(self, name: str, version: str | None = None) -> None:
        """Create an extension unless it exists, with what it requires, movable ones in public."""
        with self._connector.session(self.name, search_path="public") as connection:
            extension.create(connection, name, version)

    def update_extension(self, name: str, version: str) -> None:
        """Bring an extension to a version, as a session's first statement."""
        with self._connector.session(self.name) as connection:
            extension.update(connection, name, version)

    def pre_restore(self) -> None:
        """Call timescaledb_pre_restore()."""
        with self._connector.session(self.name) as connection:
            restoring.begin(connection)

    def post_restore(self) -> None:
        """Call timescaledb_post_restore()."""
        with self._connector.session(self.name) as connection:
            restoring.end(connection)

    def restoring(self) -> str:
        """Return the effective timescaledb.restoring of a new session."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return restoring.effective(connection)

    def restoring_layers(self) -> tuple[RestoringLayer, ...]:
        """Return every place where timescaledb.restoring is set, off as well as on."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return restoring.layers(connection)

    def reset_restoring(self, layer: RestoringLayer) -> None:
        """Take timescaledb.restoring away at one layer.

        Raises:
            DatabaseRefused: also where no statement reaches that layer.
        """
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            restoring.reset(connection, layer)

    def restart_workers(self) -> None:
        """Send this database's scheduler a restart, in autocommit."""
        with self._connector.session(self.name) as connection:
            restoring.restart_workers(connection)

    def jobs(self) -> tuple[Job, ...]:
        """Return every job with its last outcome, in one query, ordered by id."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return jobs.listed(connection)

    def set_scheduled(self, job_ids: Sequence[int], scheduled: bool) -> None:
        """Pause or re-arm exactly these jobs, all or none; they must exist."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            jobs.set_scheduled(connection, job_ids, scheduled)

    def job_work(self, job_ids: Sequence[int]) -> Mapping[int, JobWork]:
        """Return what policies have to do now; jobs whose effect cannot be seen are left out.

        All are where PostgreSQL refuses or takes too long: jobs are armed with or without proof.
        """
        try:
            with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
                return job_work.read(connection, job_ids)
        except DatabaseRefused:
            return {}

    def kick(self, job_id: int) -> None:
        """Make a job due now, so that the scheduler runs it as its owner; it must exist."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            jobs.kick(connection, job_id)

    def set_job_owners(self, owners: Mapping[int, str]) -> None:
        """Give jobs other owners, all of them or none; jobs and roles must exist."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            jobs.set_owners(connection, owners)

    def would_drop(self, job_id: int) -> int | None:
        """Return how many chunks a retention job would drop now, None where it cannot be told."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return retention.would_drop(connection, job_id)

    def cron_jobs(self) -> tuple[CronJob, ...]:
        """Return pg_cron's jobs, ordered by id; none without pg_cron."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return cron.listed(connection)

    def load_cron_jobs(self, jobs: Sequence[CronJob]) -> None:
        """Put in these jobs, all or none, in the place of those with their ids."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            cron.load(connection, jobs)

    def set_cron_active(self, job_ids: Sequence[int], active: bool) -> tuple[int, ...]:
        """Pause or re-arm these jobs of pg_cron and return which of them are still there."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            return cron.set_active(connection, job_ids, active)

    def forget_cron_runs(self, until: datetime) -> None:
        """Delete what pg_cron noted of runs that began by then."""
        with self._connector.session(self.name, lock_timeout=LOCK_TIMEOUT) as connection:
            cron.forget_runs(connection, until)

    def analyze(self) -> None:
        """ANALYZE the whole database."""
        with self._connector.session(self.name) as connection:
            connection.execute("ANALYZE")

    def inventory(self) -> Inventory:
        """Return what the database holds, as of one moment."""
        with self._connector.session(self.name) as connection:
            return inventory.read(connection)

    def count_rows(self, tables: Iterable[Relation]) -> Mapping[Relation, int]:
        """Count each table's rows as a dump has them; may take long."""
        with self._connector.session(self.name) as connection:
            return rows.counted(connection, tables)

    def continuous_aggregates(self) -> tuple[ContinuousAggregate, ...]:
        """Return all continuous aggregates with watermark and whether they hold data."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return aggregates.listed(connection)

    def newest_row(self) -> datetime | None:
        """Return the newest time in any hypertable, None where it cannot be known in 5 s."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return aggregates.newest_row(connection)

    def written(self) -> Mapping[str, Written]:
        """Return what PostgreSQL has counted of rows written, by ``schema.table``."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return writes.counters(connection)

    def rows_after(self, moment: datetime) -> Mapping[str, int] | None:
        """Return how many rows of each hypertable lie after a moment, None after 5 s."""
        with self._connector.session(self.name, statement_timeout=STATUS_TIMEOUT) as connection:
            return writes.rows_after(connection, moment)

    def refreshable_from(self, view: ContinuousAggregate) -> datetime | None:
        """Return from when on a refresh loses nothing, None where there is nothing to refresh."""
        with self._connector.session(self.name) as connection:
            return refreshable.refreshable_from(connection, view)

    def materialized_rows(self, view: ContinuousAggregate) -> int:
        """Count the rows of a view's materialization hypertable; may take long."""
        with self._connector.session(self.name) as connection:
            return aggregates.materialized_rows(connection, view)

    def refresh(
        self, view: ContinuousAggregate, start: datetime | None, end: datetime | None
    ) -> None:
        """Refresh a window, as the view's owner as far as a superuser's session can be one.

        Raises:
            DatabaseRefused: also where the view's time is a number.
        """
        with self._connector.session(self.name) as connection:
            aggregates.refresh(connection, view, start, end)
