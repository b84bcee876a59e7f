"""Who may approve and when it is enough: rules only, no waiting and no Slack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.core.change_plan import ChangePlan
from bot.core.models import Member, Person
from bot.core.plan import Plan

APPROVE = "white_check_mark"
"""✅, seeded on each gate message."""

VETO = "x"
"""❌, seeded beside it."""

_APPROVES = frozenset({APPROVE, "heavy_check_mark"})
_VETOES = frozenset({VETO, "heavy_multiplication_x", "negative_squared_cross_mark"})


class Mark(StrEnum):
    """What a reaction means."""

    APPROVE = "approve"
    VETO = "veto"


def meaning(reaction: str) -> Mark | None:
    """Return what a reaction means, whatever its skin tone; None for all others.

    Slack appends ``::skin-tone-N`` to a name. Any cross is taken as a veto; to approve, it must
    be a check mark, so that a passing thumbs-up starts nothing.
    """
    base = reaction.strip(":").split("::", 1)[0]
    if base in _APPROVES:
        return Mark.APPROVE
    return Mark.VETO if base in _VETOES else None


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The settings of the gate.

    Args:
        approvers: user and usergroup ids.
        quorum: distinct approvers needed.
        timeout: how long a gate stays open.
        grace: between the quorum and the start, in which ❌ still stops it.
        self_approval: whether the requester's own vote counts.
    """

    approvers: tuple[str, ...]
    quorum: int = 1
    timeout: timedelta = timedelta(minutes=30)
    grace: timedelta = timedelta(seconds=15)
    self_approval: bool = False


@dataclass(frozen=True, slots=True)
class GateNotice:
    """What a gate's message must say, and by which rules its votes count.

    Args:
        plan: what is to be approved.
        digest: of that plan.
        requester: whose own vote does not count.
        rules: quorum and times.
        eligible: user ids that were approvers at the request; a vote needs this *and* today's list.
        opened_at: when the message was posted first.
        expires_at: when it ends by itself.
    """

    plan: Plan | ChangePlan
    digest: str
    requester: Person
    rules: ApprovalRules
    eligible: frozenset[str]
    opened_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether one person's mark counts; ``refusal`` says why not, empty where it does."""

    member: Member
    mark: Mark
    refusal: str = ""


def judge(
    member: Member, mark: Mark, notice: GateNotice, approvers_now: frozenset[str], team: str
) -> Ruling:
    """Rule on one mark: distinct active members of this workspace who were and are approvers."""
    person = member.person
    reasons = (
        (member.bot, "bots cannot approve"),
        (member.deactivated, "this account is deactivated"),
        (member.guest, "guests cannot approve"),
        (member.stranger or member.team_id != team, "only members of this workspace can approve"),
        (
            person.id == notice.requester.id and not _own_vote_counts(mark, notice),
            f"you asked for this {_operation(notice)}; somebody else has to approve it",
        ),
        (person.id not in approvers_now, "you are not on the approvers' list"),
        (
            person.id not in notice.eligible,
            "you were not on the approvers' list when this was requested",
        ),
    )
    refusal = next((why for applies, why in reasons if applies), "")
    return Ruling(member, mark, refusal)


def _operation(notice: GateNotice) -> str:
    return notice.plan.operation if isinstance(notice.plan, ChangePlan) else "restore"


def _own_vote_counts(mark: Mark, notice: GateNotice) -> bool:
    return notice.rules.self_approval or mark is Mark.VETO


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a gate stands.

    Args:
        approvers: who approved, distinct.
        veto: who stopped it, None for nobody.
        quorum: how many are needed.
    """

    approvers: tuple[Person, ...]
    veto: Person | None
    quorum: int

    @property
    def missing(self) -> int:
        """How many approvals are still needed."""
        return max(0, self.quorum - len(self.approvers))

    @property
    def reached(self) -> bool:
        """Whether the quorum stands and nobody objects."""
        return self.veto is None and self.missing == 0


def tally(rulings: Iterable[Ruling], quorum: int) -> Tally:
    """Count the marks that count: each person once, a veto before everything."""
    counted = [r for r in rulings if not r.refusal]
    vetoes = [r.member.person for r in counted if r.mark is Mark.VETO]
    approvals = {r.member.person.id: r.member.person for r in counted if r.mark is Mark.APPROVE}
    return Tally(tuple(approvals.values()), vetoes[0] if vetoes else None, quorum)
