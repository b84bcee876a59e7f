"""A plan, a gate's notice and the events of one run, for tests of views and messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core import events as ev
from bot.core.approvals import ApprovalRules, GateNotice
from bot.core.models import (
    Backup,
    BackupFile,
    Container,
    ContainerRef,
    DatabaseFacts,
    Origin,
    Person,
    Strategy,
    Target,
)
from bot.core.plan import Loss, Plan

RUN = "r7f3a2"
START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
ANA = Person("U0ANA", "Ana")
BEN = Person("U0BEN", "Ben")
LIVE = DatabaseFacts(
    oid=16384,
    name="tsdb",
    owner="app",
    encoding="UTF8",
    collate="C.UTF-8",
    ctype="C.UTF-8",
    locale_provider="c",
    locale=None,
    tablespace="pg_default",
    allows_connections=True,
    size=5 * 1024**3,
    comment="",
)


def after(seconds: float) -> datetime:
    """Return a moment of the run."""
    return START + timedelta(seconds=seconds)


def a_backup(name: str = "tsdb_2026-02-28.dump") -> Backup:
    """Return a dump of the night before."""
    modified = START - timedelta(hours=6)
    file = BackupFile(name, f"/backups/{name}", 3_435_973_836, modified)
    return Backup(file, "ab" * 32, START - timedelta(hours=6, minutes=10), "17.4", "2.19.3", "tsdb")


def a_plan(**changes: Any) -> Plan:
    """Return a plan of an in-place restore; `changes` replace its fields."""
    target = Target("demo", "tsdb", ContainerRef("db"), "/backups", strategy=Strategy.IN_PLACE)
    plan = Plan(
        run_id=RUN,
        target=target,
        backup=a_backup(),
        container=Container("c0ffee", "db", "timescaledb:2.19", running=True),
        applications=(Container("a1", "grafana", "grafana:11", running=True),),
        live=LIVE,
        system_identifier="7300000000000000001",
        postgres_version="17.4",
        loss=Loss(START - timedelta(hours=6, minutes=10), START - timedelta(seconds=40)),
        reason="the importer wrote rubbish since midnight",
        warnings=("PostgreSQL restarts; 3 sessions of other databases end",),
        retention=("job 1003: policy_retention on public.metrics, older than 30 days",),
    )
    return replace(plan, **changes)


def a_notice(plan: Plan | None = None, **rules: Any) -> GateNotice:
    """Return what a gate must say; `rules` replace those of the gate."""
    made = plan or a_plan()
    gate = replace(ApprovalRules(("U0BEN", "S0DBA"), quorum=2), **rules)
    expires = START + gate.timeout
    eligible = frozenset({"U0BEN", "U0CHO"})
    return GateNotice(made, made.digest(), ANA, gate, eligible, START, expires)


def requested(channel: str = "C0OPS", run_id: str = RUN) -> ev.RunRequested:
    """Return the event every run begins with."""
    origin = Origin(ANA, channel, "ops")
    return ev.RunRequested(
        run_id=run_id, at=START, operation="restore", target="demo", origin=origin, backup="latest"
    )


def planned(plan: Plan | None = None) -> ev.RunPlanned:
    """Return the event that brings the steps."""
    made = plan or a_plan()
    return ev.RunPlanned(run_id=RUN, at=after(5), plan=made, digest=made.digest())


def finished(outcome: str = "succeeded", sentence: str = "All is well.") -> ev.RunFinished:
    """Return the event every run ends with."""
    return ev.RunFinished(
        run_id=RUN,
        at=after(200),
        outcome=outcome,
        sentence=sentence,
        seconds=200.0,
        requester=ANA,
        counts={"tables": 12, "chunks": 31},
    )
