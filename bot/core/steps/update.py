"""TimescaleDB brought to the image's version, once all of the dump is there and compared."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.errors import StepFailed
from bot.core.extension_versions import TIMESCALEDB, kept_behind
from bot.core.plan import StepName
from bot.core.steps.stage import Intent, Outcome, Stage, Work

EVIDENCE = "evidence"
"""The fact that lists what approvers should know of it."""


def _intent(work: Work) -> Intent:
    plan = work.plan
    if not plan.timescaledb_after:
        return Intent("nothing to update: TimescaleDB stays at the dump's version")
    return Intent(
        f"ALTER EXTENSION timescaledb UPDATE TO '{plan.timescaledb_after}' in {plan.side}",
        {"from": plan.backup.timescaledb_version, "to": plan.timescaledb_after},
    )


def _update(work: Work) -> Outcome:
    """Update, and look at the result; an update that a dead process has made is only looked at."""
    wanted = work.plan.timescaledb_after
    if wanted and work.side.extensions().get(TIMESCALEDB) != wanted:
        work.side.update_extension(TIMESCALEDB, wanted)
    installed = work.side.extensions()
    others = list(kept_behind(work.cluster, installed))
    if not wanted:
        version = work.plan.backup.timescaledb_version
        stays = f"TimescaleDB stays at {version}" if version else "the dump holds no TimescaleDB"
        return Outcome("; ".join((stays, *others)), {EVIDENCE: others})
    lost = [*_wrong_version(installed.get(TIMESCALEDB, "none"), wanted), *_changed(work)]
    if lost:
        raise StepFailed(f"after the update to TimescaleDB {wanted}: {'; '.join(lost)}")
    told = (
        f"TimescaleDB was updated from {work.plan.backup.timescaledb_version} to {wanted}; as many "
        "tables, indexes, chunks, continuous aggregates and policies as before"
    )
    return Outcome("; ".join((told, *others)), {EVIDENCE: [told, *others]})


def _wrong_version(version: str, wanted: str) -> Iterator[str]:
    if version != wanted:
        yield f"its version is {version}"


def _changed(work: Work) -> Iterator[str]:
    """Yield what is not as it was when the copy was compared."""
    before, now = work.facts[StepName.ANALYZE].get("counts"), work.side.inventory().counts()
    for kind, number in before.items() if isinstance(before, dict) else ():
        if now.get(kind) != number:
            yield f"{now.get(kind)} {kind} instead of {number}"
    if work.side.restoring() != "off":
        yield "timescaledb.restoring is on"
    paused = work.learned(StepName.RESTORING_OFF, "paused")
    for job in work.side.jobs():
        if job.id in paused and job.scheduled:
            yield f"job {job.id} is no longer paused"


def _is_updated(work: Work) -> Outcome | None:
    wanted = work.plan.timescaledb_after
    done = wanted and work.side.extensions().get(TIMESCALEDB) == wanted
    return _update(work) if done else None


UPDATE = Stage(StepName.UPDATE_EXTENSIONS, _intent, _update, probe=_is_updated)
