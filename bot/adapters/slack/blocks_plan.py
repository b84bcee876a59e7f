"""A plan as blocks: what a restore would do and what it would cost."""

from __future__ import annotations

from datetime import datetime

from bot.adapters.slack.blocks import (
    Json,
    bullets,
    date,
    emoji,
    name,
    paragraph,
    who,
    words,
)
from bot.core.change_plan import ChangePlan
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.redaction import safe_line
from bot.core.wording import duration, shortened, size

_APPLICATIONS = 20
_LINES, _LINE = 3, 300


def lost_text(plan: Plan, now: datetime) -> str:
    """Return what would be lost, in one sentence, or in two where there is no way back."""
    if plan.live is None:
        return "Nothing is lost: the database does not exist yet."
    return f"{_no_way_back(plan)}{_lost(plan, now)}"


def _no_way_back(plan: Plan) -> str:
    gone = plan.replaced is None
    return "drop-first: the old database is DROPPED for good, before the restore. " if gone else ""


def _lost(plan: Plan, now: datetime) -> str:
    if plan.loss.since is None:
        return "Would be lost: everything written since the dump, whose time is unknown."
    span = duration((now - plan.loss.since).total_seconds())
    return f"Would be lost: everything written in the {span} since the dump."


def loss(plan: Plan, now: datetime) -> Json:
    """Return what would be lost if it were done now."""
    sign, since, newest = emoji("warning"), plan.loss.since, plan.loss.newest_row
    if plan.live is None:
        return paragraph([words(lost_text(plan, now))])
    lost = [sign, words(f" {lost_text(plan, now)}", bold=True)]
    dumped = [words("Time of the dump: "), date(since)] if since else []
    row = [words("Newest row in the live database: "), date(newest)] if newest else []
    unknown = [] if newest else [words("Newest row in the live database: not known quickly")]
    kept = [words("The old database is kept as "), name(plan.set_aside)] if plan.replaced else []
    return paragraph(lost, dumped, row or unknown, kept)


def what(plan: Plan, requester: Person | None) -> Json:
    """Return target, backup, versions, requester and reason."""
    backup = plan.backup
    file = [words("Backup: "), name(backup.file.name), words(f" · {size(backup.file.size)}")]
    taken = [words(" · taken "), date(backup.taken_at)] if backup.taken_at else []
    versions = (
        f"PostgreSQL {_version(backup.postgres_version)} and TimescaleDB "
        f"{_version(plan.timescaledb)} into PostgreSQL {_version(plan.postgres_version)}"
    )
    reason = shortened(safe_line(plan.reason), 500)
    return paragraph(
        [words("Target: "), name(plan.target.name), words(" · database "), *_place(plan)],
        [*file, *taken],
        [words("SHA-256: "), words(safe_line(backup.sha256)[:12] or "–", code=True)],
        [words(f"Versions: {versions}")],
        *(
            [words(f"Holds: {shortened(safe_line(line), _LINE)}")]
            for line in plan.contents[:_LINES]
        ),
        [words("Asked for by "), who(requester)] if requester else [],
        [words("Reason: "), words(reason or "none given")],
    )


def _place(plan: Plan) -> list[Json]:
    return [name(plan.target.database), words(" in container "), name(plan.container.name)]


def _version(text: str) -> str:
    return shortened(safe_line(text), 40) or "unknown"


def evidence(plan: Plan) -> list[Json]:
    """Return what the restored copy was found to be, once there is one."""
    if plan.evidence is None:
        return []
    told = [words("The copy beside the live database, compared with the dump", bold=True)]
    return [paragraph(told), bullets(plan.evidence.lines, most=16, chars=300)]


def lists(plan: Plan) -> list[Json]:
    """Return warnings and retention jobs, where there are any."""
    early = (f"Approved before anything is done: {plan.early_gate}",) if plan.early_gate else ()
    return [
        *warned("Warnings", (*early, *plan.warnings)),
        *warned("Retention jobs that would drop what is restored", plan.retention),
    ]


def warned(title: str, items: tuple[str, ...]) -> list[Json]:
    """Return a list under its title, nothing where it is empty."""
    if not items:
        return []
    return [paragraph([words(title, bold=True)]), bullets(items, most=8, chars=200)]


def steps(plan: Plan | ChangePlan) -> Json:
    """Return the steps, the destructive ones marked, and the applications they stop."""
    rows = [[words("Steps", bold=True)]]
    for spec in plan.steps:
        number = f"{spec.number}. " if spec.number else ""
        mark = [emoji("warning"), words(" ")] if spec.destructive else [words("· ")]
        told = " (destructive)" if spec.destructive else ""
        rows.append([*mark, words(f"{number}{spec.title}{told}", bold=spec.destructive)])
    return paragraph(*rows, _applications(plan))


def _applications(plan: Plan | ChangePlan) -> list[Json]:
    row: list[Json] = []
    for container in plan.applications[:_APPLICATIONS]:
        row += [words(", " if row else "Stopped and started again: "), name(container.name, 64)]
    hidden = len(plan.applications) - _APPLICATIONS
    return [*row, words(f" and {hidden} more")] if hidden > 0 else row
