"""A restored database held against its dump: each difference is a failed check that names it.

The sentences are what approvers read before they vote.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bot.core.dump_scan import CATALOG_SCHEMAS
from bot.core.extension_versions import TIMESCALEDB
from bot.core.grants import counted_grants, missing
from bot.core.inventory import Inventory
from bot.core.jobs import Job
from bot.core.manifest import USER_JOBS, DumpedJob, Manifest
from bot.core.models import Check, ContinuousAggregate, Ownership, Target, Verdict
from bot.core.sql_names import Relation, shown
from bot.core.steps.database import PG_CRON
from bot.core.toc import Toc, TocEntry
from bot.core.wording import counted, grouped, of_kind

_SHOWN = 5
_OTHERS = frozenset({"VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE"})
_OWNED = _OTHERS | {"TABLE", "SCHEMA"}
_CONSTRAINTS = frozenset({"CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT"})

GROWN: Mapping[Relation, str] = {
    ("_timescaledb_catalog", "metadata"): "the extension writes its own lines on creation",
    ("_timescaledb_catalog", "bgw_job"): "the extension brings its own jobs, which no dump holds",
    ("_timescaledb_config", "bgw_job"): "the extension brings its own jobs, which no dump holds",
}
"""Tables that rightly hold more rows than the dump, with the reason; fewer is a difference."""

LATER: Mapping[str, str] = {"cron": "pg_cron is created after the cut-over"}
"""Schemas that are not compared yet, with the reason."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found in the restored database.

    Args:
        inventory: its objects.
        jobs: its jobs.
        views: its continuous aggregates.
        rows: of the dump's tables; None where they were not counted.
        paused: the jobs that this run has paused.
        owners: the owners that this run has given to jobs.
        ungranted: whether pg_restore said that it could not grant something, and the run went on.
    """

    inventory: Inventory
    jobs: tuple[Job, ...]
    views: tuple[ContinuousAggregate, ...]
    rows: Mapping[Relation, int] | None
    paused: frozenset[int] = frozenset()
    owners: Mapping[int, str] = field(default_factory=dict)
    ungranted: bool = False


def compare(target: Target, toc: Toc, manifest: Manifest, found: Restored) -> Iterator[Check]:
    """Yield one check for each kind of thing."""
    there = found.inventory
    ours = [e for e in toc.entries if e.schema not in LATER]
    yield _all_there("tables", _named(ours, "TABLE"), there.tables)
    yield _all_there("views and sequences", _named(ours, *_OTHERS), there.owners)
    yield _all_there("indexes", _named(ours, "INDEX"), there.indexes)
    yield _all_there("constraints", _named(ours, *_CONSTRAINTS), there.constraints)
    yield _all_there("hypertables", manifest.hypertables, there.hypertables)
    yield _all_there("chunks", manifest.chunks, there.chunks)
    aggregates = manifest.continuous_aggregates
    yield _all_there("continuous aggregates", aggregates, there.continuous_aggregates)
    yield _extensions(toc, manifest, there.extensions)
    yield _policies(manifest, found)
    yield _rows(manifest, found)
    if target.ownership is Ownership.GUIDE:
        told = (
            f'everything belongs to {target.superuser} and nothing is granted: ownership = "guide"'
        )
        yield Check("owners and grants", Verdict.WARNING, told)
        return
    yield _owners(ours, there)
    grants = _grants(manifest, there)
    known = found.ungranted and grants.verdict is Verdict.FAILED
    yield replace(grants, verdict=Verdict.WARNING) if known else grants


def _named(entries: list[TocEntry], *kinds: str) -> set[str]:
    return {_name(e) for e in entries if e.kind in kinds}


def _on_a_line(name: str) -> str:
    """A table of contents has one line for each entry, so it writes a newline as a blank."""
    return name.replace("\n", " ").replace("\r", " ")


def _all(number: int, kind: str) -> str:
    if number == 1:
        return f"the {of_kind(1, kind)} of the dump is there"
    return f"all {number} {kind} of the dump are there"


def _all_there(kind: str, expected: Collection[str], found: Collection[str]) -> Check:
    lost = sorted(set(map(_on_a_line, expected)) - set(map(_on_a_line, found)))
    if not lost:
        return Check(kind, Verdict.OK, _all(len(expected), kind))
    return _different(kind, f"{len(lost)} of {len(expected)} {kind} missing", lost)


def _different(kind: str, what: str, names: list[str]) -> Check:
    shown_names = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    return Check(kind, Verdict.FAILED, f"{what}: {shown_names}")


def _extensions(toc: Toc, manifest: Manifest, found: Mapping[str, str]) -> Check:
    kind, expected = "extensions", [n for n in toc.extensions() if n != PG_CRON]
    lost = [name for name in expected if name not in found]
    if lost:
        return _different(kind, f"{len(lost)} of {len(expected)} extensions missing", lost)
    version, now = manifest.timescaledb_version, found.get(TIMESCALEDB, "none")
    if version not in {"", now}:
        return _different(kind, "another version", [f"timescaledb {now} instead of {version}"])
    told = f", TimescaleDB {version} as in the dump" if version else ""
    return Check(kind, Verdict.OK, f"{_all(len(expected), kind)}{told}")


def _policies(manifest: Manifest, found: Restored) -> Check:
    """Jobs by id: what they do, on what, as whom, and whether they will run again."""
    now = {job.id: job for job in found.jobs if job.id >= USER_JOBS}
    views = {v.materialization: v.full_name for v in found.views}
    wrong = [
        difference
        for job in manifest.jobs
        for difference in _of_job(job, now.get(job.id), views, found)
    ]
    wrong += [f"job {n} is in no dump" for n in sorted(now.keys() - {j.id for j in manifest.jobs})]
    jobs = counted(len(manifest.jobs), "job")
    if wrong:
        return _different("jobs", f"the {jobs} of the dump differ", wrong)
    given = f", {counted(len(found.owners), 'owner')} repaired" if found.owners else ""
    told = f"{jobs} with procedure, object and owner as in the dump, paused until verified{given}"
    return Check("jobs", Verdict.OK, told)


def _of_job(
    job: DumpedJob, now: Job | None, views: Mapping[str, str], found: Restored
) -> Iterator[str]:
    if now is None:
        yield f"{job.description} is missing"
        return
    pairs = (
        ("procedure", job.procedure, now.procedure),
        ("object", job.relation, views.get(now.hypertable, now.hypertable)),
        ("owner", found.owners.get(job.id, job.owner), now.owner),
        ("scheduled before", job.scheduled, job.id in found.paused or now.scheduled),
        ("drop_after", job.drop_after, str(now.config.get("drop_after", ""))),
    )
    for what, expected, seen in pairs:
        if expected != seen:
            yield f"job {job.id}: {what} is {seen}, in the dump {expected}"


def _rows(manifest: Manifest, found: Restored) -> Check:
    if manifest.rows is None or found.rows is None:
        return Check("rows", Verdict.WARNING, "rows were not counted: count_rows = false")
    expected = {t: n for t, n in manifest.rows.items() if t[0] not in LATER}
    wrong = [
        f"{shown(table)} has {_number(found.rows.get(table))} instead of {_number(number)}"
        for table, number in expected.items()
        if not _fits(found.inventory, table)(found.rows.get(table, -1), number)
    ]
    if wrong:
        return _different("rows", f"rows differ in {counted(len(wrong), 'table')}", wrong)
    of_people = [n for t, n in expected.items() if t[0] not in CATALOG_SCHEMAS]
    batches = " (compressed ones by the batch)" if manifest.compressed_chunks else ""
    tables = counted(len(of_people), "table")
    told = f"{grouped(sum(of_people))} rows{batches} in {tables}, as in the dump"
    return Check("rows", Verdict.OK, told)


def _fits(inventory: Inventory, table: Relation) -> Callable[[int, int], bool]:
    """An extension may put rows of its own into its tables when it is created; others may not."""
    grown = table in GROWN
    foreign = table[0] not in CATALOG_SCHEMAS and shown(table) not in inventory.tables
    return int.__ge__ if grown or foreign else int.__eq__


def _number(count: int | None) -> str:
    return "no table" if count is None else grouped(count)


def _owners(entries: list[TocEntry], there: Inventory) -> Check:
    now = {_on_a_line(name): owner for name, owner in there.owners.items()}
    expected = {_name(e): e.owner for e in entries if e.kind in _OWNED and e.owner}
    wrong = [
        f"{name} belongs to {now.get(name, 'nobody')} instead of {owner}"
        for name, owner in sorted(expected.items())
        if now.get(name) != owner
    ]
    if wrong:
        return _different("owners", f"{len(wrong)} of {len(expected)} owners differ", wrong)
    roles = ", ".join(sorted(set(expected.values()))) or "nobody"
    return Check("owners", Verdict.OK, f"{len(expected)} objects belong to {roles}, as in the dump")


def _name(entry: TocEntry) -> str:
    return f"{entry.schema}.{entry.name}" if entry.schema else entry.name


def _grants(manifest: Manifest, there: Inventory) -> Check:
    expected = {n: g for n, g in manifest.grants.items() if n.partition(".")[0] not in LATER}
    wrong = list(missing(expected, there.grants))
    if wrong:
        return _different("grants", f"{counted(len(wrong), 'grant')} missing", wrong)
    told = counted(counted_grants(expected), "grant")
    return Check("grants", Verdict.OK, f"{told} on tables, sequences and schemas, as in the dump")
