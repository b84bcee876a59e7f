"""The buttons on our messages; their value is the run or the target they are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from slack_bolt import Ack, App, Respond

from bot.adapters.slack.blocks import Look
from bot.adapters.slack.blocks_answers import begun, said
from bot.core.desk import Desk
from bot.core.models import Decision, Origin
from bot.core.permissions import (
    ARM_RETENTION,
    CANCEL_RUN,
    DECISIONS,
    REFRESH_ALL,
    ROLL_BACK,
    ButtonSpec,
)
from handlers.answers import Answers
from handlers.origins import Payload, label_and_value, of_action

Button = Callable[[Desk, Origin, str], Look | None]


def register(app: App, desk: Desk, answers: Answers) -> None:
    """Register every button of the permission table."""
    listeners: list[tuple[ButtonSpec, Button]] = [
        (CANCEL_RUN, cancel),
        (REFRESH_ALL, refresh_all),
        (ARM_RETENTION, arm),
        (ROLL_BACK, roll_back),
        *((spec, partial(decide, decision)) for decision, spec in DECISIONS.items()),
    ]
    for spec, button in listeners:
        app.action(spec.action)(_listener(spec, button, desk, answers))


def _listener(
    spec: ButtonSpec, button: Button, desk: Desk, answers: Answers
) -> Callable[..., None]:
    def listen(ack: Ack, body: Payload, respond: Respond) -> None:
        ack()
        origin, (shown, value) = of_action(body), label_and_value(body)

        def work() -> Look | None:
            desk.require_label(origin, spec, shown, value)
            return button(desk, origin, value)

        answers.later(respond, work)

    return listen


def cancel(desk: Desk, origin: Origin, run_id: str) -> Look:
    """Ask a run to stop."""
    return said(desk.cancel(origin, run_id))


def decide(decision: Decision, desk: Desk, origin: Origin, run_id: str) -> Look:
    """Resume, roll back or abandon a run whose process died."""
    desk.decide(origin, run_id, decision)
    return said(f"To {decision.value} run {run_id} was taken note of; its card shows what comes.")


def refresh_all(desk: Desk, origin: Origin, target: str) -> Look:
    """Refresh all views of a target."""
    return begun("The refresh", desk.refresh_all(origin, target))


def arm(desk: Desk, origin: Origin, run_id: str) -> Look:
    """Let retention run again after a restore."""
    jobs = ", ".join(map(str, desk.arm_retention(origin, run_id)))
    return said(f"Retention runs again: job {jobs}. It may drop restored data that is old enough.")


def roll_back(desk: Desk, origin: Origin, run_id: str) -> Look:
    """Put back what a run has set aside; approvers are asked once it is planned."""
    return begun("The rollback", desk.roll_back(origin, run_id))
