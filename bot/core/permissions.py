"""One table: each command and button, and who may use it.

The manifest, the listeners, ``/tshelp`` and the README's test all read it, so none can differ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.core.models import Decision

EVERYONE = "*"
"""In the requesters' list: every full member who is in the channel."""


class Who(StrEnum):
    """Whom a command or button is for, in a channel where commands are taken.

    All but ``ANYONE`` need to be active, full members of this workspace: no bots, no guests, no
    people of other workspaces.
    """

    ANYONE = "anyone, guests too"
    MEMBER = "any full member"
    REQUESTER = "requester"
    APPROVER = "approver"
    OWN_RUN_OR_APPROVER = "requester of that run, or approver"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A slash command.

    Args:
        name: with its slash.
        usage: its arguments, as Slack hints them while typing; empty where it takes none.
        description: one line, for Slack's list and ``/tshelp``.
        who: whom it is for.
    """

    name: str
    usage: str
    description: str
    who: Who


@dataclass(frozen=True, slots=True)
class ButtonSpec:
    """A button on one of our messages.

    Args:
        action: its action id.
        label: what it says.
        who: whom it is for.
    """

    action: str
    label: str
    who: Who


COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        "/restore",
        "[backup|latest] [target] [strategy=…] [drop-first] [dry-run] [reason=…]",
        "Restore a database from a dump, once approved",
        Who.REQUESTER,
    ),
    CommandSpec(
        "/rollback",
        "[target] [run] [reason=…]",
        "Put a kept database back in the place of the one that serves, once approved",
        Who.REQUESTER,
    ),
    CommandSpec(
        "/tsstatus",
        "[target]",
        "Does automatic refresh work? Workers, jobs, aggregates, last restore",
        Who.MEMBER,
    ),
    CommandSpec(
        "/refresh",
        "<view>|all [target] [from=…] [to=…]",
        "Refresh one continuous aggregate, or all in order",
        Who.REQUESTER,
    ),
    CommandSpec(
        "/runjob",
        "<id> [target]",
        "Run one job now, and see what it did",
        Who.REQUESTER,
    ),
    CommandSpec(
        "/repair",
        "[target]",
        "Put right what keeps automatic refresh from working",
        Who.REQUESTER,
    ),
    CommandSpec("/backups", "[target]", "List the dumps that can be restored", Who.MEMBER),
    CommandSpec("/audit", "[run|@user|since=…]", "Who did what, and when", Who.MEMBER),
    CommandSpec("/tshelp", "", "What you may do here", Who.ANYONE),
)

CANCEL_RUN = ButtonSpec("cancel_run", "Cancel", Who.OWN_RUN_OR_APPROVER)
REFRESH_ALL = ButtonSpec("refresh_all", "Refresh all", Who.REQUESTER)
ARM_RETENTION = ButtonSpec("arm_retention", "Let retention run again", Who.APPROVER)
ROLL_BACK = ButtonSpec("roll_back", "Roll back", Who.REQUESTER)
RESUME_RUN = ButtonSpec("resume_run", "Resume", Who.OWN_RUN_OR_APPROVER)
UNDO_RUN = ButtonSpec("undo_run", "Take back", Who.OWN_RUN_OR_APPROVER)
ABANDON_RUN = ButtonSpec("abandon_run", "Abandon", Who.OWN_RUN_OR_APPROVER)
BUTTONS: tuple[ButtonSpec, ...] = (
    CANCEL_RUN,
    REFRESH_ALL,
    ARM_RETENTION,
    ROLL_BACK,
    RESUME_RUN,
    UNDO_RUN,
    ABANDON_RUN,
)
DECISIONS: Mapping[Decision, ButtonSpec] = {
    Decision.RESUME: RESUME_RUN,
    Decision.UNDO: UNDO_RUN,
    Decision.ABANDON: ABANDON_RUN,
}
"""The button for each thing that can be done with an interrupted run."""

_MUST_BE: Mapping[Who, str] = {
    Who.MEMBER: "a full member of this workspace",
    Who.REQUESTER: "on the requesters' list",
    Who.APPROVER: "on the approvers' list",
    Who.OWN_RUN_OR_APPROVER: "the person who asked for this run, or on the approvers' list",
}


def allowed(
    who: Who,
    person_id: str,
    requesters: Collection[str],
    approvers: Collection[str],
    run_requester: str = "",
) -> bool:
    """Whether a person may; membership and guests are the caller's to check first.

    Args:
        who: whom the command or button is for.
        person_id: the person's user id; an empty one may nothing that is not for anyone.
        requesters: user ids, usergroups already resolved, or ``EVERYONE``; empty is nobody.
        approvers: user ids, usergroups already resolved.
        run_requester: who asked for the run the button belongs to.
    """
    if who is Who.ANYONE:
        return True
    if not person_id:
        return False
    if who is Who.MEMBER:
        return True
    if who is Who.REQUESTER:
        return person_id in requesters or EVERYONE in requesters
    own_run = who is Who.OWN_RUN_OR_APPROVER and person_id == run_requester
    return own_run or person_id in approvers


def denial(what: str, who: Who) -> str:
    """Return the sentence for somebody who may not use a command or button."""
    must_be = _MUST_BE.get(who)
    return f"To use {what} you must be {must_be}." if must_be else ""


def wrong_channel(channel: str, channels: Collection[str]) -> str:
    """Return why a command is not taken in this channel, empty where it is.

    Args:
        channel: id of where the command was typed.
        channels: the ids allowed by the settings.
    """
    if channel in channels:
        return ""
    if not channels:
        return "Commands are not taken anywhere yet: slack.channels is empty in the settings."
    places = ", ".join(f"<#{id_}>" for id_ in channels)
    return f"Commands are not taken here. Use {places}."
