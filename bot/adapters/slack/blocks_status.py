"""The answer to /tsstatus: the five points first, then what is behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.adapters.slack.blocks import (
    Json,
    Look,
    date,
    fit,
    header,
    name,
    paragraph,
    plain,
    who,
    words,
)
from bot.adapters.slack.blocks_kept import kept_section
from bot.adapters.slack.blocks_result import checklist
from bot.core.audit import Claim
from bot.core.events import RunFinished
from bot.core.jobs import Job
from bot.core.kept import KeptReport
from bot.core.last_restore import LastRestore
from bot.core.models import Check, ContinuousAggregate, Verdict
from bot.core.redaction import safe_line
from bot.core.status import THRESHOLDS, Status
from bot.core.unreachable import CHECK, sentence
from bot.core.wording import duration, shortened
from bot.core.worker_ladder import SCHEDULER

_ROWS = 25


def status_page(
    status: Status,
    checks: Sequence[Check],
    restored: LastRestore | None,
    claim: Claim | None = None,
    broken: RunFinished | None = None,
    kept: KeptReport | None = None,
) -> Look:
    """Return what a target looks like.

    Args:
        status: as it was read.
        checks: the five points.
        restored: the last restore, None where the log knows none.
        claim: of the run that works on the target or waits for approval, None where none does.
        broken: how the last run ended, None where it neither failed nor was interrupted.
        kept: what of earlier runs is on the server, None where nobody looked.
    """
    target, now = status.target, status.at
    red = [c for c in checks if not c.passed]
    verdict = "all points green" if not red else f"{len(red)} of {len(checks)} points not green"
    busy = f", run {claim.run_id} at work" if claim else ""
    title = f"{target.name}: {verdict}{busy}"
    blocks = [
        header(title),
        *_at_work(claim),
        *_problems(status),
        *checklist(
            f"Database {target.database} on {target.container}",
            [_without_why(check, status) for check in checks],
        ),
        paragraph(*_settings(status)),
        *_restored(restored),
        *_broken(broken),
        *_kept(kept, status),
        *_section("Jobs", [_job(j, now) for j in status.jobs or ()]),
        *_section(
            "Continuous aggregates", [_view(v, status, now) for v in status.aggregates or ()]
        ),
    ]
    return fit(plain(title), blocks, "")


def _problems(status: Status) -> list[Json]:
    """Say once what could not be read; the points then refer to it."""
    if not status.problems:
        return []
    told = [[words(shortened(safe_line(problem), 300))] for problem in status.problems]
    database = status.database_container
    state = [[words(sentence(database))]] if database and status.restoring is None else []
    return [paragraph(*told, *state, [words(CHECK)])]


def _without_why(check: Check, status: Status) -> Check:
    if check.verdict is not Verdict.UNKNOWN or not status.problems:
        return check
    return replace(check, evidence="unknown: see above", remedy="")


def _settings(status: Status) -> Iterator[list[Json]]:
    for setting, least in THRESHOLDS.items():
        value = status.settings.get(setting)
        low = value is not None and value.isdigit() and int(value) < least
        note = f"  (should be {least} or more)" if low else ""
        yield [words(f"{setting}: {value or 'unknown'}{note}")]
    ours = [w for w in status.workers or () if w.database == status.target.database]
    schedulers = [str(w.pid) for w in ours if w.application == SCHEDULER]
    yield [
        words(f"workers of this database: {len(ours)}, scheduler {', '.join(schedulers) or '–'}")
    ]
    for layer in status.layers:
        where = f"{layer.where} {layer.detail}".strip()
        yield [words(f"timescaledb.restoring = {layer.value} in {shortened(where, 120)}")]


def _at_work(claim: Claim | None) -> list[Json]:
    if claim is None:
        return []
    since = [words(" has held this target since "), date(claim.since)]
    rest = words(". What is not green below may be its work; see its card before you change it.")
    return [paragraph([words("Run "), name(claim.run_id), *since, rest])]


def _restored(restored: LastRestore | None) -> list[Json]:
    if restored is None:
        return []
    kept = [words(". The old database was kept as "), name(restored.set_aside)]
    return [
        paragraph(
            [
                words("Last restored "),
                date(restored.at),
                words(" from "),
                name(restored.backup),
                words(" by "),
                who(restored.requester),
                words(", run "),
                name(restored.run_id),
                *(kept if restored.set_aside else []),
            ]
        )
    ]


def _kept(kept: KeptReport | None, status: Status) -> list[Json]:
    if kept is None or (kept.problem and status.problems):  # one server, and said above already
        return []
    return kept_section(kept, status.target, status.at)


def _broken(ended: RunFinished | None) -> list[Json]:
    if ended is None:
        return []
    how = [words("The last run "), words(ended.outcome, bold=True), words(" "), date(ended.at)]
    why = words(f": {shortened(safe_line(ended.sentence), 500)} Run ")
    return [paragraph([*how, why, name(ended.run_id)])]


def _section(title: str, rows: Sequence[list[Json]]) -> list[Json]:
    if not rows:
        return []
    more = [[words(f"and {len(rows) - _ROWS} more")]] if len(rows) > _ROWS else []
    return [paragraph([words(title, bold=True)], *rows[:_ROWS], *more)]


def _job(job: Job, now: datetime) -> list[Json]:
    what = job.procedure.removeprefix("policy_").replace("_", " ")
    every = duration(job.interval.total_seconds())
    ended = "done, though called failed" if job.miscalled else job.last_status.lower()
    last = f", last {ended}" if ended else ", never ran"
    return [
        words(f"{job.id} ", code=True),
        words(f"{what} "),
        name(job.hypertable, 80),
        words(f" every {every}{last}; next: "),
        *_next(job, now),
    ]


def _next(job: Job, now: datetime) -> list[Json]:
    if not job.scheduled:
        return [words("paused", bold=True)]
    if job.running:
        return [words("running now")]
    if job.next_start is None:
        return [words("none", bold=True)]
    late = (now - job.next_start).total_seconds()
    overdue = [words(f" overdue by {duration(late)}", bold=True)] if late > _overdue(job) else []
    return [date(job.next_start), *overdue]


def _overdue(job: Job) -> float:
    """A start in the past by more than the job's interval is not being scheduled."""
    return job.interval.total_seconds()


def _view(view: ContinuousAggregate, status: Status, now: datetime) -> list[Json]:
    policy = next((j for j in status.jobs or () if _belongs(j, view)), None)
    start, end = (str(policy.config.get(k) or "–") if policy else "–" for k in _OFFSETS)
    lag = duration((now - view.watermark).total_seconds()) if view.watermark else "unknown"
    return [
        name(view.full_name, 80),
        words(f" {'holds data' if view.has_data else 'EMPTY'}, lag {lag}"),
        words(f", refreshed from {start} to {end} ago" if policy else ", no refresh policy"),
    ]


_OFFSETS = ("start_offset", "end_offset")


def _belongs(job: Job, view: ContinuousAggregate) -> bool:
    if job.procedure != "policy_refresh_continuous_aggregate":
        return False
    return job.hypertable in {view.full_name, view.materialization}
