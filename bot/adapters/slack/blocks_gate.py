"""The gate's message: what is to be approved, what it costs, and how to vote.

It depends on the notice alone, so that the same notice gives the same message when it is compared
with what stands in the channel.
"""

from __future__ import annotations

from datetime import datetime

from bot.adapters.slack.blocks import (
    Json,
    Look,
    bullets,
    context,
    date,
    date_text,
    emoji,
    fit,
    header,
    mention,
    mention_of,
    name,
    paragraph,
    plain,
    section,
    who,
    words,
)
from bot.core.approvals import APPROVE, VETO, GateNotice
from bot.core.plan import Plan
from bot.core.redaction import safe_line
from bot.core.wording import counted, duration, moment, shortened, size

_MENTIONS = 40
_APPLICATIONS = 20


def gate(notice: GateNotice, outcome: str = "") -> Look:
    """Return the message of a gate; with ``outcome``, of one that is closed."""
    plan = notice.plan
    vote = _closed(outcome) if outcome else _how_to_vote(notice)
    blocks = [
        header(f"{'Closed' if outcome else 'Approval needed'}: restore {plan.target.name}"),
        vote,
        _loss(plan, notice.opened_at),
        _what(notice),
        *_lists(plan),
        _steps(plan),
        context(f"Run `{plain(plan.run_id, 40)}` · digest `{plain(notice.digest, 64)}`"),
    ]
    text = f"Closed: {plain(outcome, 300)}" if outcome else _fallback(notice)
    return fit(text, blocks, plan.run_id)


def _fallback(notice: GateNotice) -> str:
    """All a locked phone shows: its first line decides whether somebody gets up."""
    plan, backup = notice.plan, notice.plan.backup
    taken = f", taken {moment(backup.taken_at)}" if backup.taken_at else ""
    return (
        f"{plain(notice.requester.name or notice.requester.id, 80)} wants to restore"
        f" {plain(plan.target.name, 80)} from {plain(backup.file.name)}"
        f" ({size(backup.file.size)}{taken}). {_lost_text(plan, notice.opened_at)}"
        f" React :{APPROVE}: to approve or :{VETO}: to stop it, before"
        f" {moment(notice.expires_at)}. Run {plain(plan.run_id, 40)},"
        f" digest {plain(notice.digest[:12])}. {_approvers(notice)}"
    )


def _lost_text(plan: Plan, opened_at: datetime) -> str:
    if plan.live is None:
        return "Nothing is lost: the database does not exist yet."
    if plan.loss.since is None:
        return "Would be lost: everything written since the dump, whose time is unknown."
    span = duration((opened_at - plan.loss.since).total_seconds())
    return f"Would be lost: everything written in the {span} since the dump."


def _approvers(notice: GateNotice) -> str:
    ids = notice.rules.approvers
    more = f" and {len(ids) - _MENTIONS} more" if len(ids) > _MENTIONS else ""
    return " ".join(map(mention, ids[:_MENTIONS])) + more


def _how_to_vote(notice: GateNotice) -> Json:
    rules = notice.rules
    own = "" if rules.self_approval else f" {mention_of(notice.requester)}'s own does not count."
    return section(
        f"{_approvers(notice)}\n"
        f"React with :{APPROVE}: to approve or :{VETO}: to stop it."
        f" *{counted(rules.quorum, 'approval')} missing*; distinct people from this list.{own}\n"
        f"Ends by itself {date_text(notice.expires_at)}."
    )


def _closed(outcome: str) -> Json:
    told = f" {shortened(safe_line(outcome), 1000)}"
    return paragraph([emoji("ballot_box_with_ballot"), words(told, bold=True)])


def _loss(plan: Plan, opened_at: datetime) -> Json:
    sign, since, newest = emoji("warning"), plan.loss.since, plan.loss.newest_row
    if plan.live is None:
        return paragraph([words(_lost_text(plan, opened_at))])
    lost = [sign, words(f" {_lost_text(plan, opened_at)}", bold=True)]
    dumped = [words("Time of the dump: "), date(since)] if since else []
    row = [words("Newest row in the live database: "), date(newest)] if newest else []
    unknown = [] if newest else [words("Newest row in the live database: not known quickly")]
    kept = [words("The old database is kept as "), name(plan.set_aside)]
    return paragraph(lost, dumped, row or unknown, kept)


def _what(notice: GateNotice) -> Json:
    plan, backup = notice.plan, notice.plan.backup
    file = [words("Backup: "), name(backup.file.name), words(f" · {size(backup.file.size)}")]
    taken = [words(" · taken "), date(backup.taken_at)] if backup.taken_at else []
    versions = (
        f"PostgreSQL {_version(backup.postgres_version)} and TimescaleDB "
        f"{_version(backup.timescaledb_version)} into PostgreSQL {_version(plan.postgres_version)}"
    )
    reason = shortened(safe_line(notice.plan.reason), 500)
    return paragraph(
        [words("Target: "), name(plan.target.name), words(" · database "), *_place(plan)],
        [*file, *taken],
        [words("SHA-256: "), words(safe_line(backup.sha256)[:12] or "–", code=True)],
        [words(f"Versions: {versions}")],
        [words("Asked for by "), who(notice.requester)],
        [words("Reason: "), words(reason or "none given")],
    )


def _place(plan: Plan) -> list[Json]:
    return [name(plan.target.database), words(" in container "), name(plan.container.name)]


def _version(text: str) -> str:
    return shortened(safe_line(text), 40) or "unknown"


def _lists(plan: Plan) -> list[Json]:
    blocks: list[Json] = []
    for title, items in (
        ("Warnings", plan.warnings),
        ("Retention jobs that would drop what is restored", plan.retention),
    ):
        if items:
            blocks += [paragraph([words(title, bold=True)]), bullets(items, most=8, chars=200)]
    return blocks


def _steps(plan: Plan) -> Json:
    rows = [[words("Steps", bold=True)]]
    for spec in plan.steps:
        number = f"{spec.number}. " if spec.number else ""
        mark = [emoji("warning"), words(" ")] if spec.destructive else [words("· ")]
        told = " (destructive)" if spec.destructive else ""
        rows.append([*mark, words(f"{number}{spec.title}{told}", bold=spec.destructive)])
    return paragraph(*rows, _applications(plan))


def _applications(plan: Plan) -> list[Json]:
    row: list[Json] = []
    for container in plan.applications[:_APPLICATIONS]:
        row += [words(", " if row else "Stopped and started again: "), name(container.name, 64)]
    hidden = len(plan.applications) - _APPLICATIONS
    return [*row, words(f" and {hidden} more")] if hidden > 0 else row
