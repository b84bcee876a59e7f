"""Rolling back: a kept database and the one that serves change places; nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.bench import Bench
from bot.core.bystanders import PREPARED, Bystanders
from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeWork
from bot.core.errors import DatabaseRefused, PreflightFailed, Refused, Unavailable
from bot.core.kept import Exchange, Kept, came_to_serve, choose_kept, exchanges, kept_databases
from bot.core.models import Container, DatabaseFacts, Restart, Target, Verdict
from bot.core.plan import StepName, rejected_name
from bot.core.ports import AuditLog, Database
from bot.core.server_checks import ServerChecks
from bot.core.steps import applications, server, swap_back
from bot.core.steps.stage import Stage
from bot.core.steps.swap_back import ASIDE, KEPT, KEPT_OID, LIVE_OID
from bot.core.wording import counted, duration, ended, moment, size
from bot.core.worker_ladder import restart_notice
from bot.core.writes import since

ROLLBACK = "rollback"
"""What the log calls the run."""

RUN = "the run that set it aside"
"""Key of the plan's subject, beside the step's own."""

ORDER = (
    StepName.STOP_APPLICATIONS,
    StepName.SWAP_BACK,
    StepName.START_APPLICATIONS,
    StepName.WORKERS,
    StepName.CHECKLIST,
)

_TABLES = 3
"""Tables named one by one; the sum holds all."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Puts back what a run has set aside.

    Args:
        bench: the target.
        log: knows what was set aside.
        run: which run's, empty for the newest.
        reason: why, in the requester's words.
    """

    bench: Bench
    log: AuditLog
    run: str = ""
    reason: str = ""

    def choose(self) -> Kept:
        """Return the kept database that is meant.

        Raises:
            Refused: there is none, or none of that run; the sentence lists what there is.
        """
        bench = self.bench
        kept = kept_databases(self.log, bench.cluster, bench.target.name)
        return choose_kept(kept, bench.target.name, self.run, bench.clock.now())

    def plan(self, run_id: str) -> ChangePlan:
        """Look at everything, change nothing, and return what would be done.

        Raises:
            Refused: there is no such database, or it is no longer shut.
            PreflightFailed: something keeps the live database from being renamed.
        """
        bench, kept = self.bench, self.choose()
        target = bench.target
        if kept.facts.allows_connections:
            raise Refused(
                "kept_open",
                f"{kept.facts.name} accepts connections: somebody has opened it. Shut it first: "
                f'ALTER DATABASE "{kept.facts.name}" ALLOW_CONNECTIONS false.',
            )
        live = bench.cluster.find_database(target.database)
        neighbours = _neighbours(bench) if live else ()
        aside = rejected_name(target.database, run_id)
        arrival = came_to_serve(exchanges(self.log, target.name), live.oid) if live else None
        return ChangePlan(
            run_id,
            target,
            ROLLBACK,
            f"roll {target.name} back to what run {kept.run_id} set aside",
            _loss(kept, live, aside, bench.clock.now()),
            ORDER,
            ServerChecks(target, bench.host, bench.cluster).container(),
            _running(bench),
            bench.cluster.identity().system_identifier,
            subject={
                KEPT: kept.facts.name,
                KEPT_OID: str(kept.facts.oid),
                LIVE_OID: str(live.oid) if live else "",
                ASIDE: aside,
                RUN: kept.run_id,
            },
            lines=tuple(_lines(bench, kept, live, arrival)),
            reason=self.reason,
            warnings=(*_warnings(kept, target), *neighbours),
        )

    def stages(self, plan: ChangePlan) -> Sequence[Stage[ChangeWork]]:
        """Return the plan's steps as they are carried out."""
        steps: dict[StepName, Stage[ChangeWork]] = {
            StepName.STOP_APPLICATIONS: applications.STOP,
            StepName.SWAP_BACK: swap_back.SWAP_BACK,
            StepName.START_APPLICATIONS: applications.START,
            StepName.WORKERS: server.WORKERS,
            StepName.CHECKLIST: swap_back.CHECKLIST,
        }
        return [steps[name] for name in plan.order]

    def verdict(self, work: ChangeWork) -> Ending:
        """Return how it ended, all steps done."""
        subject, name = work.plan.subject, work.target.database
        back = f"{name} is again what was kept as {subject[KEPT]}"
        way = ""
        if subject[LIVE_OID]:
            way = (
                f" The one that served is kept as {subject[ASIDE]}; /rollback {work.target.name} "
                f"{work.plan.run_id} brings it back."
            )
        if work.facts.get(StepName.CHECKLIST, {}).get("green"):
            return "succeeded", f"{back}, all points green.{way}"
        return "unverified", f"{back}, but not every point is green.{way}"


def _running(bench: Bench) -> tuple[Container, ...]:
    found = (bench.host.find(ref) for ref in bench.target.applications)
    return tuple(c for c in found if c.running)


def _neighbours(bench: Bench) -> tuple[str, ...]:
    """Return what approvers should know of those who use the live database.

    Raises:
        PreflightFailed: a prepared transaction, which no session can be ended for.
    """
    checks = tuple(Bystanders(bench.target, bench.host, bench.cluster, wal=0).of_exchange())
    blocking = [c for c in checks if c.name == PREPARED and not c.passed]
    if blocking:
        raise PreflightFailed([f"{c.name}: {c.evidence} ({c.remedy})" for c in blocking])
    return tuple(f"{c.name}: {c.evidence}" for c in checks if c.verdict is not Verdict.OK)


def _loss(kept: Kept, live: DatabaseFacts | None, aside: str, now: datetime) -> str:
    if live is None:
        return "Nothing is lost: no database has the live name now."
    at = kept.exchange.at
    span = duration((now - at).total_seconds())
    return (
        f"Would no longer be seen: everything written in the {span} since {moment(at)}. It is not "
        f"deleted: the database that serves now is kept as {aside}."
    )


def _lines(
    bench: Bench, kept: Kept, live: DatabaseFacts | None, arrival: Exchange | None
) -> Iterator[str]:
    name, at = kept.facts.name, kept.exchange.at
    yield f"Put back: {name}, {size(kept.facts.size)}, shut since {moment(at)} by run {kept.run_id}"
    if live is not None:
        database = bench.cluster.database(live.name)
        yield _counted(database, arrival)
        yield from _later_rows(database, arrival.at if arrival else at)
        if arrival is not None and arrival.at > at:
            yield (
                f"What was written between {moment(at)} and {moment(arrival.at)} is in other kept "
                "databases, and in none of these numbers"
            )


def _counted(database: Database, arrival: Exchange | None) -> str:
    """Return what PostgreSQL counted, and how far that can be trusted."""
    if arrival is None or arrival.written is None:
        return "Rows written since: not known, nobody counted when this database came to serve"
    try:
        found = since(arrival.written, database.written())
    except (DatabaseRefused, Unavailable) as error:
        return f"Rows written since: not known ({ended(str(error))})"
    total = found.total
    most = ", ".join(f"{table} {count.total}" for table, count in found.tables[:_TABLES])
    where = f" in {counted(len(found.tables), 'table')} ({most})" if found.tables else ""
    doubt = "; counters went back meanwhile, so it may be more" if found.uncertain else ""
    return (
        f"PostgreSQL counted since {moment(arrival.at)}: {counted(total.inserted, 'row')} "
        f"inserted, {total.updated} updated, {total.deleted} deleted{where}; some of them may have "
        f"been undone by a ROLLBACK{doubt}"
    )


def _later_rows(database: Database, at: datetime) -> Iterator[str]:
    """Yield how many rows bear a later time: what came in late, or was changed, is not in it."""
    try:
        found = database.rows_after(at)
    except (DatabaseRefused, Unavailable):
        found = None
    if found is None:
        yield f"Rows of hypertables with a time after {moment(at)}: not known quickly"
    elif found:
        most = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{table} {rows}" for table, rows in most[:_TABLES])
        more = f" and {len(most) - _TABLES} more" if len(most) > _TABLES else ""
        yield f"Rows of hypertables with a time after {moment(at)}: {told}{more}"


def _warnings(kept: Kept, target: Target) -> Iterator[str]:
    """Yield what begins by itself as soon as the database is open."""
    if target.restart_rule is not Restart.NEVER:
        yield restart_notice(replace(target, restart=Restart.LADDER))
    retention = kept.exchange.retention
    if retention is None:
        yield (
            "its jobs run again at once; which retention policies it has was not noted when it was "
            "set aside, and they drop what is old enough by now"
        )
    elif retention:
        yield (
            "its jobs run again at once, and these retention policies drop what has become too old "
            f"while it was shut: {'; '.join(retention)}"
        )
