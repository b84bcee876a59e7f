"""Steps 7 and 11: restoring off with the jobs paused, then statistics and a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.errors import StepFailed
from bot.core.manifest import USER_JOBS
from bot.core.models import Check, Verdict
from bot.core.plan import StepName
from bot.core.steps.pg_restore import bound_to_cron
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.wording import counted


def _off_intent(work: Work) -> Intent:
    jobs = _to_pause(work)
    return Intent(
        f"pause {counted(len(jobs), 'job')}, then call timescaledb_post_restore()",
        {"paused": list(jobs)},
    )


def _to_pause(work: Work) -> tuple[int, ...]:
    """Return the jobs that would run at once: no job's history is in a dump, so all are due."""
    return tuple(j.id for j in work.side.jobs() if j.scheduled and j.id >= USER_JOBS)


def _off(work: Work) -> Outcome:
    paused = _to_pause(work)
    work.side.set_scheduled(paused, False)
    work.side.post_restore()
    value = work.side.restoring()
    if value != "off":
        raise StepFailed(
            f"timescaledb.restoring is still {value} in a new session; "
            "look for it in postgresql.conf, ALTER SYSTEM and ALTER ROLE"
        )
    return Outcome(
        f"timescaledb.restoring is off, {counted(len(paused), 'job')} paused",
        {"paused": list(paused)},
    )


def _analyze_intent(work: Work) -> Intent:
    return Intent(f"ANALYZE {work.plan.side} and compare it with the dump")


def _analyze(work: Work) -> Outcome:
    work.side.analyze()
    checks = tuple(_compare(work))
    failed = [c for c in checks if not c.passed]
    if failed:
        raise StepFailed("the restored database differs from the dump: " + failed[0].evidence)
    counts = work.side.inventory().counts()
    shown = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    evidence = [f"{c.name}: {c.evidence}" for c in checks]
    facts = {"counts": counts, "evidence": evidence}
    return Outcome(f"analyzed; as in the dump: {shown}", facts, checks=checks)


def _compare(work: Work) -> Iterator[Check]:
    """Hold the dump's own lists against what the database holds now."""
    found = work.side.inventory()
    ours = [e for e in work.toc.entries if not bound_to_cron(e)]
    tables = {f"{e.schema}.{e.name}" for e in ours if e.kind == "TABLE"}
    indexes = {f"{e.schema}.{e.name}" for e in ours if e.kind == "INDEX"}
    yield _all_there("tables", tables, found.tables)
    yield _all_there("indexes", indexes, found.indexes)
    yield _all_there("hypertables", work.manifest.hypertables, found.hypertables)
    yield _all_there("chunks", work.manifest.chunks, found.chunks)
    aggregates = work.manifest.continuous_aggregates
    yield _all_there("continuous aggregates", aggregates, found.continuous_aggregates)
    jobs = {str(job.id) for job in work.manifest.jobs}
    yield _all_there("jobs", jobs, {str(number) for number in found.policies})


def _all_there(
    kind: str, expected: set[str] | frozenset[str], found: set[str] | frozenset[str]
) -> Check:
    missing = sorted(expected - found)
    if not missing:
        return Check(kind, Verdict.OK, f"all {len(expected)} {kind} of the dump are there")
    shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    return Check(kind, Verdict.FAILED, f"{len(missing)} of {len(expected)} {kind} missing: {shown}")


RESTORING_OFF = Stage(StepName.RESTORING_OFF, _off_intent, _off)
ANALYZE = Stage(StepName.ANALYZE, _analyze_intent, _analyze)
