"""Who may use which command and button, and where."""

from __future__ import annotations

import pytest

from bot.core.permissions import (
    BUTTONS,
    CANCEL_RUN,
    COMMANDS,
    EVERYONE,
    REFRESH_ALL,
    Who,
    allowed,
    denial,
    wrong_channel,
)

REQUESTERS = frozenset({"U0ALICE"})
APPROVERS = frozenset({"U0BOB"})


def may(who: Who, person: str, *, asked: str = "") -> bool:
    return allowed(who, person, REQUESTERS, APPROVERS, asked)


def test_each_command_is_for_the_people_the_design_names() -> None:
    assert {spec.name: spec.who for spec in COMMANDS} == {
        "/restore": Who.REQUESTER,
        "/rollback": Who.REQUESTER,
        "/refresh": Who.REQUESTER,
        "/runjob": Who.REQUESTER,
        "/repair": Who.REQUESTER,
        "/tsstatus": Who.MEMBER,
        "/backups": Who.MEMBER,
        "/audit": Who.MEMBER,
        "/tshelp": Who.ANYONE,
    }


def test_names_in_the_table_are_distinct() -> None:
    assert len({spec.name for spec in COMMANDS}) == len(COMMANDS)
    assert len({spec.action for spec in BUTTONS}) == len(BUTTONS)


@pytest.mark.parametrize("person", ["U0ALICE", "U0BOB", "U0EVE"])
def test_anyone_is_everyone(person: str) -> None:
    assert may(Who.ANYONE, person)


def test_only_listed_requesters_may_request() -> None:
    assert may(Who.REQUESTER, "U0ALICE")
    assert not may(Who.REQUESTER, "U0EVE")


def test_an_approver_is_not_a_requester_by_that() -> None:
    assert not may(Who.REQUESTER, "U0BOB")


def test_a_requester_is_not_an_approver_by_that() -> None:
    assert may(Who.APPROVER, "U0BOB")
    assert not may(Who.APPROVER, "U0ALICE")


def test_an_empty_list_means_nobody() -> None:
    assert not allowed(Who.REQUESTER, "U0ALICE", frozenset(), frozenset())
    assert not allowed(Who.APPROVER, "U0ALICE", frozenset(), frozenset())


def test_a_star_lets_everybody_request_and_nobody_approve() -> None:
    everyone = frozenset({EVERYONE})
    assert allowed(Who.REQUESTER, "U0EVE", everyone, frozenset())
    assert not allowed(Who.APPROVER, "U0EVE", everyone, everyone)


@pytest.mark.parametrize("who", [Who.REQUESTER, Who.APPROVER, Who.OWN_RUN_OR_APPROVER])
def test_a_person_without_an_id_may_nothing_that_is_listed(who: Who) -> None:
    assert not allowed(who, "", frozenset({EVERYONE, ""}), frozenset({""}), "")


def test_a_run_is_cancelled_by_who_asked_for_it_or_an_approver() -> None:
    assert may(CANCEL_RUN.who, "U0ALICE", asked="U0ALICE")
    assert may(CANCEL_RUN.who, "U0BOB", asked="U0ALICE")
    assert not may(CANCEL_RUN.who, "U0ALICE", asked="U0CAROL")
    assert not may(CANCEL_RUN.who, "U0EVE", asked="U0ALICE")


def test_refreshing_after_a_restore_is_for_requesters() -> None:
    assert may(REFRESH_ALL.who, "U0ALICE", asked="U0CAROL")
    assert not may(REFRESH_ALL.who, "U0EVE", asked="U0EVE")


@pytest.mark.parametrize(
    ("who", "part"),
    [
        (Who.REQUESTER, "requesters' list"),
        (Who.APPROVER, "approvers' list"),
        (Who.OWN_RUN_OR_APPROVER, "asked for this run, or on the approvers' list"),
    ],
)
def test_a_denial_says_what_one_must_be(who: Who, part: str) -> None:
    assert denial("/restore", who).startswith("To use /restore you must be ")
    assert part in denial("/restore", who)


def test_what_is_for_anyone_has_no_denial() -> None:
    assert denial("/tshelp", Who.ANYONE) == ""


def test_commands_are_taken_in_the_listed_channels_only() -> None:
    assert wrong_channel("C0OPS", ("C0OPS", "C0DBA")) == ""
    assert wrong_channel("C0FUN", ("C0OPS", "C0DBA")).endswith("Use <#C0OPS>, <#C0DBA>.")


def test_without_channels_no_place_is_right() -> None:
    assert "slack.channels is empty" in wrong_channel("C0OPS", ())
