"""Steps 7 and 11: restoring off with the jobs paused, then statistics and a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bot.core.comparison import Restored, compare
from bot.core.errors import DatabaseRefused, StepFailed, Unavailable
from bot.core.extension_versions import TIMESCALEDB
from bot.core.inventory import Inventory
from bot.core.live_comparison import against_live
from bot.core.manifest import USER_JOBS
from bot.core.models import Check, JobOwners, Verdict
from bot.core.owners import concerned, misfits
from bot.core.plan import StepName
from bot.core.steps.pg_restore import to_repair
from bot.core.steps.stage import Intent, Outcome, Stage, Work
from bot.core.wording import counted, of_kind

_NO_ROLE = re.compile(r'role "[^"]+" does not exist')
"""What pg_restore says of grants that it could not give: of owners it would be fatal."""

_NAMED = 3
"""How many differences a failure's sentence names; all are in its output."""


def _off_intent(work: Work) -> Intent:
    jobs = _to_pause(work)
    return Intent(
        f"pause {counted(len(jobs), 'job')}, then call timescaledb_post_restore()",
        {"paused": list(jobs)},
    )


def _to_pause(work: Work) -> tuple[int, ...]:
    """Return the jobs that would run at once: no job's history is in a dump, so all are due.

    Those that an earlier process has paused before it died are among them.
    """
    earlier = work.intents.get(StepName.RESTORING_OFF, {}).get("paused", ())
    ours = set(earlier) if isinstance(earlier, list | tuple) else set()
    return tuple(
        j.id for j in work.side.jobs() if j.id >= USER_JOBS and (j.scheduled or j.id in ours)
    )


def _off(work: Work) -> Outcome:
    given = _repair_owners(work)
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
        f"timescaledb.restoring is off, {counted(len(paused), 'job')} paused"
        + "".join(f", job {number} given to {owner}" for number, owner in sorted(given.items())),
        {"paused": list(paused), "owners": {str(n): owner for n, owner in given.items()}},
    )


def _repair_owners(work: Work) -> dict[int, str]:
    """Give jobs that could not do their work to the owner of their object, where that is wanted."""
    if work.plan.target.job_owners is not JobOwners.REPAIR:
        return {}
    owners = work.side.inventory().owners
    roles = work.cluster.roles_among(concerned(work.manifest, owners))
    given = {m.job.id: m.heir for m in misfits(work.manifest.jobs, owners, roles) if m.heir}
    work.side.set_job_owners(given)
    return given


def _analyze_intent(work: Work) -> Intent:
    return Intent(f"ANALYZE {work.plan.side} and compare it with the dump")


def _analyze(work: Work) -> Outcome:
    work.side.analyze()
    checks = tuple(_compare(work))
    failed = [c.evidence for c in checks if not c.passed]
    if failed:
        told = "; ".join(failed[:_NAMED])
        raise StepFailed(f"the restored database differs from the dump: {told}", "\n".join(failed))
    counts = work.side.inventory().counts()
    shown = ", ".join(of_kind(n, kind) for kind, n in counts.items() if n)
    warnings = [f"Warning: {c.evidence}" for c in checks if c.verdict is Verdict.WARNING]
    evidence = [
        *to_repair(work),
        *warnings,
        *(c.evidence for c in checks if c.verdict is Verdict.OK),
    ]
    facts = {"counts": counts, "evidence": evidence}
    return Outcome(f"analyzed; as in the dump: {shown}", facts, checks=checks)


def _compare(work: Work) -> Iterator[Check]:
    """Hold what the database holds now against the dump, and against the database it replaces."""
    rows = work.manifest.rows
    found = Restored(
        work.side.inventory(),
        work.side.jobs(),
        work.side.continuous_aggregates(),
        None if rows is None else work.side.count_rows(rows),
        frozenset(n for n in work.learned(StepName.RESTORING_OFF, "paused") if isinstance(n, int)),
        _given(work),
        any(_NO_ROLE.search(str(e)) for e in work.learned(StepName.PG_RESTORE, "repairable")),
    )
    yield from compare(work.plan.target, work.toc, work.manifest, found)
    if work.plan.replaced is not None:
        yield from _against_live(work, found.inventory)


def _given(work: Work) -> dict[int, str]:
    given = work.facts.get(StepName.RESTORING_OFF, {}).get("owners")
    return {int(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}


def _against_live(work: Work, restored: Inventory) -> Iterator[Check]:
    """The old database may be what is broken: that it cannot be read stops no restore."""
    name = work.plan.target.database
    try:
        old = work.live.inventory()
    except (DatabaseRefused, Unavailable) as error:
        told = f"the old database could not be read: {error}"
        yield Check(f"owners and grants against {name}", Verdict.WARNING, told)
        return
    later = {TIMESCALEDB: work.plan.timescaledb_after} if work.plan.timescaledb_after else {}
    become = replace(restored, extensions={**restored.extensions, **later})
    yield from against_live(name, old, become)


# Without probes. Turning restoring off again pauses the same jobs, which the intent of the dead
# process lists, and finds it off; a comparison that nobody has seen the end of is made again.
RESTORING_OFF = Stage(StepName.RESTORING_OFF, _off_intent, _off)
ANALYZE = Stage(StepName.ANALYZE, _analyze_intent, _analyze)
