"""The gate's message: what is to be approved, what it costs, and how to vote.

It depends on the notice alone, so that the same notice gives the same message when it is compared
with what stands in the channel.
"""

from __future__ import annotations

from bot.adapters.slack.blocks import (
    Json,
    Look,
    context,
    date_text,
    emoji,
    fit,
    header,
    mention,
    mention_of,
    paragraph,
    plain,
    section,
    words,
)
from bot.adapters.slack.blocks_change import body, cost, title, wish
from bot.core.approvals import APPROVE, VETO, GateNotice
from bot.core.redaction import safe_line
from bot.core.wording import counted, moment, shortened

_MENTIONS = 40


def gate(notice: GateNotice, outcome: str = "") -> Look:
    """Return the message of a gate; with ``outcome``, of one that is closed."""
    plan = notice.plan
    vote = _closed(outcome) if outcome else _how_to_vote(notice)
    blocks = [
        header(f"{'Closed' if outcome else 'Approval needed'}: {title(plan)}"),
        vote,
        *body(plan, notice.requester, notice.opened_at),
        context(f"Run `{plain(plan.run_id, 40)}` · digest `{plain(notice.digest, 64)}`"),
    ]
    text = f"Closed: {plain(outcome, 300)}" if outcome else _fallback(notice)
    return fit(text, blocks, plan.run_id)


def _fallback(notice: GateNotice) -> str:
    """All a locked phone shows: its first line decides whether somebody gets up."""
    plan = notice.plan
    return (
        f"{plain(notice.requester.name or notice.requester.id, 80)} wants to {wish(plan)}."
        f" {cost(plan, notice.opened_at)}"
        f" React :{APPROVE}: to approve or :{VETO}: to stop it, before"
        f" {moment(notice.expires_at)}. Run {plain(plan.run_id, 40)},"
        f" digest {plain(notice.digest[:12])}. {_approvers(notice)}"
    )


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
