"""Any gated plan as blocks: a restore's as `blocks_plan` has it, a smaller change's as it says."""

from __future__ import annotations

from datetime import datetime

from bot.adapters.slack.blocks import Json, bullets, emoji, name, paragraph, plain, who, words
from bot.adapters.slack.blocks_plan import evidence, lists, loss, lost_text, steps, warned, what
from bot.core.change_plan import ChangePlan
from bot.core.models import Person
from bot.core.plan import Plan
from bot.core.redaction import safe_line
from bot.core.wording import moment, shortened, size


def title(plan: Plan | ChangePlan) -> str:
    """Return what is to be done, in a few words."""
    return f"restore {plan.target.name}" if isinstance(plan, Plan) else plan.title


def cost(plan: Plan | ChangePlan, now: datetime) -> str:
    """Return what would be lost, in one sentence."""
    return lost_text(plan, now) if isinstance(plan, Plan) else plain(plan.loss, 500)


def wish(plan: Plan | ChangePlan) -> str:
    """Return what somebody wants, to go behind “wants to”."""
    if isinstance(plan, ChangePlan):
        return plain(plan.title, 300)
    backup = plan.backup
    taken = f", taken {moment(backup.taken_at)}" if backup.taken_at else ""
    target, file = plain(plan.target.name, 80), plain(backup.file.name)
    return f"restore {target} from {file} ({size(backup.file.size)}{taken})"


def body(plan: Plan | ChangePlan, requester: Person | None, now: datetime) -> list[Json]:
    """Return all that approvers have to know of a plan."""
    if isinstance(plan, Plan):
        told = [loss(plan, now), what(plan, requester), *evidence(plan)]
        return [*told, *lists(plan), steps(plan)]
    lost = [emoji("warning"), words(f" {shortened(safe_line(plan.loss), 500)}", bold=True)]
    place = [words("Target: "), name(plan.target.name), words(" · database ")]
    reason = shortened(safe_line(plan.reason), 500)
    return [
        paragraph(lost),
        paragraph(
            [
                *place,
                name(plan.target.database),
                words(" in container "),
                name(plan.container.name),
            ],
            [words("Asked for by "), who(requester)] if requester else [],
            [words("Reason: "), words(reason or "none given")],
        ),
        *([bullets(plan.lines, most=12, chars=300)] if plan.lines else []),
        *warned("Warnings", plan.warnings),
        steps(plan),
    ]
