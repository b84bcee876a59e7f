"""What a repair found, each with its remedy and who takes it: the run, approvers, or a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.manifest import USER_JOBS
from bot.core.models import Check, RestoringLayer, Verdict
from bot.core.remedies import (
    Raised,
    Remedies,
    by_hand,
    complete,
    fixed,
    too_low,
    unscheduled,
    wanted,
)
from bot.core.repair_look import Look
from bot.core.restoring import named, remedy
from bot.core.wording import counted, moment
from bot.core.worker_ladder import workers_of

_AT_ONCE, _GATE = "done now", "needs approval"
_AGAIN = "then /repair again"
REFRESH_ALL = "/refresh all"
"""The remedy for continuous aggregates without rows."""


def findings(look: Look, found: Remedies) -> tuple[Check, ...]:
    """Return what is not as it should be, and what is done about it; nothing where all is well."""
    return (
        *_access(look, found),
        *_restoring(look),
        *_workers(look, found),
        *_retention(found),
        *_jobs(look),
        *_paused(look, found),
        *_settings(look, found),
        *_aggregates(look),
        *_applications(look, found),
    )


def _failed(name: str, evidence: str, cure: str) -> Check:
    return Check(name, Verdict.FAILED, evidence, cure)


def _access(look: Look, found: Remedies) -> Iterator[Check]:
    if not look.shut:
        return
    database = look.target.database
    closed = not look.access.allows_connections
    state = "ALLOW_CONNECTIONS false" if closed else "CONNECTION LIMIT 0"
    open_it = "ALLOW_CONNECTIONS true" if closed else "CONNECTION LIMIT -1"
    if found.open_with is not None:
        evidence = f"{database} has {state}, as run {look.left.shut} left it when it broke off"
        yield _failed("database is open", evidence, f"{open_it} ({_AT_ONCE})")
        return
    evidence = f"{database} has {state}, and no run of mine has left it so"
    cure = f"if nobody wants it so: ALTER DATABASE … {open_it}, {_AGAIN}"
    yield _failed("database is open", evidence, cure)


def _restoring(look: Look) -> Iterator[Check]:
    for layer in look.status.layers:
        if layer.on:
            yield _failed(
                "timescaledb.restoring is off", f"on in {named(layer)}", _cure(layer, look)
            )


def _cure(layer: RestoringLayer, look: Look) -> str:
    cure = remedy(layer, look.target.database)
    if by_hand(layer):
        return f"{cure}, {_AGAIN}: I don't change that place"
    whose = _AT_ONCE if layer.where in {"database", "database and role"} else _GATE
    return f"{cure} ({whose})"


def _workers(look: Look, found: Remedies) -> Iterator[Check]:
    if look.status.workers is None or complete(look):
        return
    seen = str(workers_of(look.target.database, look.status.workers))
    if found.wake:
        cure = "restart_background_workers(); in vain, approval is asked for more"
    else:
        cure = f"turn timescaledb.restoring off first, {_AGAIN}"
    yield _failed("background workers are running", seen, cure)


def _retention(found: Remedies) -> Iterator[Check]:
    if found.hold:
        evidence = f"{_jobs_named(found.hold)} would drop chunks as soon as the workers are awake"
        cure = f"paused until an approver lets retention run again ({_AT_ONCE})"
        yield Check("retention", Verdict.WARNING, evidence, cure)


def _jobs(look: Look) -> Iterator[Check]:
    late = unscheduled(look)
    if late:
        each = ", ".join(
            f"{j.id} ({'due ' + moment(j.next_start) if j.next_start else 'no next start'})"
            for j in late
        )
        yield _failed("every job has a next start", f"nobody schedules {each}", "wake the workers")
    for misfit in look.misfits:
        cure = f"let the owner log in and own it, or give the job to {misfit.heir or 'one who may'}"
        yield _failed("owners of jobs", misfit.told, cure)


def _paused(look: Look, found: Remedies) -> Iterator[Check]:
    paused = {j.id for j in look.status.jobs or () if j.id >= USER_JOBS and not j.scheduled}
    ours: set[int] = set()
    for waiting in look.waiting:
        held = paused & set(waiting.jobs) - ours
        ours |= held
        if held:
            evidence = f"{_jobs_named(held)}: retention, left paused by run {waiting.run_id}"
            cure = "an approver lets retention run again with the button"
            yield Check("paused jobs", Verdict.WARNING, evidence, cure)
    left = paused & set(look.left.paused) - ours
    if left:
        evidence = f"{_jobs_named(left)}: left paused by run {look.left.paused_by}, which broke off"
        yield _failed("paused jobs", evidence, "SELECT alter_job(ID, scheduled => true) for each")
    others = paused - ours - left - set(found.hold)
    if others:
        cure = "if one should run: SELECT alter_job(ID, scheduled => true)"
        yield Check("paused jobs", Verdict.WARNING, f"{_jobs_named(others)}: paused", cure)


def _jobs_named(numbers: Iterable[int]) -> str:
    ids = sorted(numbers)
    return f"{counted(len(ids), 'job')[len(str(len(ids))) + 1 :]} {', '.join(map(str, ids))}"


def _settings(look: Look, found: Remedies) -> Iterator[Check]:
    for raised in found.raised:
        yield _failed(raised.name, f"{raised.old}, which is too low", _raise(raised))
    for setting in look.settings:
        if too_low(setting) and fixed(setting):
            evidence = f"{setting.value}, which is too low; it comes from the {setting.source}"
            cure = f"start the server with {wanted(setting, look)}: I don't change that place"
            yield _failed(setting.name, evidence, cure)


def _raise(raised: Raised) -> str:
    how = "is set already" if raised.written else "by ALTER SYSTEM"
    return f"{raised.old} → {raised.new}, {how}; PostgreSQL is restarted ({_GATE})"


def _aggregates(look: Look) -> Iterator[Check]:
    empty = [a.full_name for a in look.status.aggregates or () if not a.has_data]
    if empty:
        yield _failed("continuous aggregates hold data", f"empty: {', '.join(empty)}", REFRESH_ALL)


def _applications(look: Look, found: Remedies) -> Iterator[Check]:
    started = {c.name for c in found.start}
    for application in look.status.applications:
        container = application.container
        if container is None:
            cure = "create it, or correct `applications`"
            yield _failed("other applications", f"no container {application.name}", cure)
        elif container.name in started:
            run_id = look.left.stopped[container.name]
            evidence = f"{container.name} is down since run {run_id} broke off"
            yield _failed("applications are running", evidence, f"started ({_AT_ONCE})")
        elif not container.running:
            cure = f"docker start {container.name}, if it should run"
            evidence = f"{container.name} is down, and no run of mine left it so"
            yield Check("other applications", Verdict.WARNING, evidence, cure)
