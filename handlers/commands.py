"""The slash commands: each acks, then hands its text to the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slack_bolt import Ack, App, Respond

from bot.adapters.slack.blocks import Look
from bot.adapters.slack.blocks_answers import backups, begun, entries, help_page
from bot.adapters.slack.blocks_status import status_page
from bot.core.desk import Desk
from bot.core.models import Origin
from bot.core.permissions import COMMANDS
from handlers.answers import Answers
from handlers.origins import Payload, of_command

Command = Callable[[Desk, Origin, str], Look | None]


def register(app: App, desk: Desk, answers: Answers) -> None:
    """Register every command of the permission table."""
    for spec in COMMANDS:
        app.command(spec.name)(_listener(LISTENERS[spec.name], desk, answers))


def _listener(command: Command, desk: Desk, answers: Answers) -> Callable[..., None]:
    def listen(ack: Ack, body: Payload, respond: Respond) -> None:
        ack()
        origin, text = of_command(body), str(body.get("text", ""))
        answers.later(respond, lambda: command(desk, origin, text))

    return listen


def restore(desk: Desk, origin: Origin, text: str) -> Look:
    """Start a restore; its card is posted by the presenter."""
    return begun("Preflight of the restore", desk.restore(origin, text))


def refresh(desk: Desk, origin: Origin, text: str) -> Look:
    """Start a refresh."""
    return begun("The refresh", desk.refresh(origin, text))


def runjob(desk: Desk, origin: Origin, text: str) -> Look:
    """Run one job."""
    return begun("The job", desk.run_job(origin, text))


def rollback(desk: Desk, origin: Origin, text: str) -> Look:
    """Start a rollback; approvers are asked once it is planned."""
    return begun("The rollback", desk.rollback(origin, text))


def repair(desk: Desk, origin: Origin, text: str) -> Look:
    """Start a repair."""
    return begun("The repair", desk.repair(origin, text))


def tsstatus(desk: Desk, origin: Origin, text: str) -> Look:
    """Show the five points and what is behind them."""
    return status_page(*desk.status(origin, text))


def list_backups(desk: Desk, origin: Origin, text: str) -> Look:
    """Show the dumps."""
    bench, files = desk.backups(origin, text)
    return backups(bench.target, files)


def audit(desk: Desk, origin: Origin, text: str) -> Look:
    """Show the history."""
    return entries(desk.history(origin, text))


def tshelp(desk: Desk, origin: Origin, text: str) -> Look:
    """Show what this person may do."""
    return help_page(desk.help(origin, text))


LISTENERS: Mapping[str, Command] = {
    "/restore": restore,
    "/rollback": rollback,
    "/tsstatus": tsstatus,
    "/refresh": refresh,
    "/runjob": runjob,
    "/repair": repair,
    "/backups": list_backups,
    "/audit": audit,
    "/tshelp": tshelp,
}
