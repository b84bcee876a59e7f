"""Deny by default: every command and every button, tried by everybody who is no full member."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from bot.core.permissions import BUTTONS, COMMANDS, ButtonSpec, CommandSpec, Who, allowed
from bot.sandbox.slack import Person, Workspace, payloads
from tests.handlers.test_listeners import press, sent
from tests.live_bot import LiveBot

OUTSIDERS: Mapping[str, Mapping[str, object]] = {
    "guest": {"is_restricted": True},
    "single-channel guest": {"is_ultra_restricted": True},
    "bot": {"is_bot": True},
    "deactivated": {"deleted": True},
    "stranger": {"is_stranger": True},
    "of another workspace": {"team_id": "T0OTHER"},
}
"""Accounts that Slack lets into a channel, or lets act for a moment longer."""

Become = Callable[[str, str], None]


@pytest.fixture
def become(bot: LiveBot, workspace: Workspace) -> Iterator[Become]:
    """Make somebody an outsider until the end of the test, whatever lists they are on."""
    before: list[tuple[str, str, object]] = []

    def change(name: str, kind: str) -> None:
        for field, value in OUTSIDERS[kind].items():
            before.append((name, field, getattr(workspace.user(name), field)))
            setattr(workspace.user(name), field, value)

    yield change
    for name, field, value in before:
        setattr(workspace.user(name), field, value)


@pytest.mark.parametrize("kind", OUTSIDERS)
@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.who is not Who.ANYONE], ids=lambda c: c.name
)
def test_whoever_is_no_full_member_uses_no_command_though_they_are_on_every_list(
    bot: LiveBot, workspace: Workspace, become: Become, command: CommandSpec, kind: str
) -> None:
    asks = "ana" if command.who is Who.REQUESTER else "ben"
    before = len(Person(workspace, asks).ephemerals("ops"))
    become(asks, kind)
    # as it is delivered, or forged: Slack's own client would not send it for all of them
    place = workspace.channel("ops")
    sent(
        workspace,
        payloads.SLASH,
        payloads.slash_command(workspace, workspace.user(asks), place, command.name),
    )
    answer = bot.next_answer(asks, before)
    assert answer == f"Only full members of this workspace may use {command.name}."
    row = bot.commands()[-1]
    assert (row.status, row.detail["code"]) == ("refused", "not_a_member")


@pytest.mark.parametrize("kind", OUTSIDERS)
@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.action)
def test_whoever_is_no_full_member_presses_no_button_though_they_are_on_every_list(
    bot: LiveBot, workspace: Workspace, become: Become, button: ButtonSpec, kind: str
) -> None:
    presses = "ana" if button.who is Who.REQUESTER else "ben"
    before = len(Person(workspace, presses).ephemerals("ops"))
    become(presses, kind)
    press(workspace, presses, button.action, "prod" if presses == "ana" else "0badcafe")
    assert bot.next_answer(presses, before).startswith("Only full members of this workspace may")
    assert bot.commands()[-1].detail["code"] == "not_a_member"


def test_the_help_is_for_guests_too_and_tells_them_that_nothing_else_is(
    bot: LiveBot, workspace: Workspace, become: Become
) -> None:
    become("ben", "guest")
    bot.ask("ben", "/tshelp")
    shown = str(Person(workspace, "ben").ephemerals("ops")[-1].blocks)
    assert shown.count("(not you)") == len(COMMANDS) - 1


def test_nothing_but_the_help_is_for_anyone() -> None:
    assert [c.name for c in COMMANDS if c.who is Who.ANYONE] == ["/tshelp"]
    assert [b.action for b in BUTTONS if b.who in {Who.ANYONE, Who.MEMBER}] == []


@pytest.mark.parametrize("who", [w for w in Who if w not in {Who.ANYONE, Who.MEMBER}])
def test_a_member_on_no_list_may_nothing_that_has_one(who: Who) -> None:
    assert not allowed(who, "U0DAN", {"U0ANA"}, {"U0BEN"}, "U0ANA")
    assert not allowed(who, "U0DAN", (), (), "")


@pytest.mark.parametrize("who", [w for w in Who if w is not Who.ANYONE])
def test_a_command_from_somebody_slack_cannot_vouch_for_is_refused(
    bot: LiveBot, workspace: Workspace, who: Who
) -> None:
    command = next((c.name for c in COMMANDS if c.who is who), "")
    if not command:  # whom only buttons are for
        button = next(b for b in BUTTONS if b.who is who)
        before = len(Person(workspace, "ben").ephemerals("ops"))
        workspace.faults.fail("users.info")
        press(workspace, "ben", button.action, "0badcafe")
        assert bot.next_answer("ben", before).startswith("That could not be done: Slack ")
    else:
        workspace.faults.fail("users.info")
        assert bot.ask("ana", command).startswith("That could not be done: Slack ")
    assert bot.commands()[-1].status == "failed"
