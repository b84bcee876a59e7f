"""Votes: which count, which do not and why, and when it is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.approvals import (
    ApprovalRules,
    GateNotice,
    Mark,
    Ruling,
    judge,
    meaning,
    tally,
)
from bot.core.models import Backup, BackupFile, Container, ContainerRef, Member, Person, Target
from bot.core.plan import Loss, Plan

TEAM = "T0HOME"
NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
ALICE, BOB, CAROL = (Person(f"U0{name.upper()}", name) for name in ("alice", "bob", "carol"))
APPROVERS = frozenset({"U0BOB", "U0CAROL"})

PLAN = Plan(
    run_id="r1",
    target=Target("prod", "ecoanp", ContainerRef(name="db"), "/backup"),
    backup=Backup(BackupFile("a.dump", "/backup/a.dump", 1, NOON), "0" * 64, NOON, "17", "2", "e"),
    container=Container("c1", "db", "image", running=True),
    applications=(),
    live=None,
    system_identifier="1",
    postgres_version="17",
    loss=Loss(None, None),
)
NOTICE = GateNotice(
    plan=PLAN,
    digest=PLAN.digest(),
    requester=ALICE,
    rules=ApprovalRules(approvers=("U0BOB", "U0CAROL")),
    eligible=APPROVERS,
    opened_at=NOON,
    expires_at=NOON + timedelta(minutes=30),
)
SELF_APPROVING = replace(
    NOTICE,
    rules=replace(NOTICE.rules, self_approval=True),
    eligible=APPROVERS | {"U0ALICE"},
)


def member(person: Person) -> Member:
    return Member(person, TEAM)


def ruling(
    voter: Member,
    mark: Mark = Mark.APPROVE,
    notice: GateNotice = NOTICE,
    now: frozenset[str] = APPROVERS,
) -> Ruling:
    return judge(voter, mark, notice, now, TEAM)


@pytest.mark.parametrize(
    "name",
    ["white_check_mark", ":white_check_mark:", "heavy_check_mark", "white_check_mark::skin-tone-3"],
)
def test_a_check_mark_of_any_kind_approves(name: str) -> None:
    assert meaning(name) is Mark.APPROVE


@pytest.mark.parametrize("name", ["x", "heavy_multiplication_x", "negative_squared_cross_mark"])
def test_a_cross_of_any_kind_is_a_veto(name: str) -> None:
    assert meaning(name) is Mark.VETO


@pytest.mark.parametrize("name", ["+1", "thumbsup::skin-tone-2", "eyes", "", "x-ray", "ok"])
def test_other_reactions_mean_nothing(name: str) -> None:
    assert meaning(name) is None


@given(st.text())
def test_no_reaction_name_breaks_the_reading(name: str) -> None:
    assert meaning(name) in {None, Mark.APPROVE, Mark.VETO}


def test_an_approver_who_was_and_is_on_the_list_counts() -> None:
    assert ruling(member(BOB)).refusal == ""


@pytest.mark.parametrize(
    ("voter", "why"),
    [
        (replace(member(BOB), bot=True), "bots"),
        (replace(member(BOB), deactivated=True), "deactivated"),
        (replace(member(BOB), guest=True), "guests"),
        (replace(member(BOB), stranger=True), "this workspace"),
        (replace(member(BOB), team_id="T0ELSEWHERE"), "this workspace"),
        (replace(member(BOB), team_id=""), "this workspace"),
    ],
)
@pytest.mark.parametrize("mark", list(Mark))
def test_only_active_full_members_of_this_workspace_count(
    voter: Member, why: str, mark: Mark
) -> None:
    assert why in ruling(voter, mark).refusal


def test_the_requesters_own_approval_does_not_count() -> None:
    assert "somebody else" in ruling(member(ALICE)).refusal


def test_the_requester_on_the_approvers_list_still_cannot_approve() -> None:
    everyone = APPROVERS | {"U0ALICE"}
    notice = replace(NOTICE, eligible=everyone)
    assert "somebody else" in ruling(member(ALICE), notice=notice, now=everyone).refusal


def test_a_requester_who_is_an_approver_may_veto() -> None:
    everyone = APPROVERS | {"U0ALICE"}
    notice = replace(NOTICE, eligible=everyone)
    assert ruling(member(ALICE), Mark.VETO, notice, everyone).refusal == ""


def test_self_approval_counts_only_where_the_settings_say_so() -> None:
    now = SELF_APPROVING.eligible
    assert ruling(member(ALICE), notice=SELF_APPROVING, now=now).refusal == ""


def test_self_approval_still_needs_the_approvers_list() -> None:
    assert "not on the approvers' list" in ruling(member(ALICE), notice=SELF_APPROVING).refusal


def test_somebody_not_on_the_list_counts_neither_way() -> None:
    eve = member(Person("U0EVE", "eve"))
    assert all("not on the approvers' list" in ruling(eve, mark).refusal for mark in Mark)


def test_who_was_taken_off_the_list_no_longer_counts() -> None:
    assert ruling(member(BOB), now=frozenset({"U0CAROL"})).refusal != ""


def test_who_came_on_the_list_after_the_request_does_not_count() -> None:
    notice = replace(NOTICE, eligible=frozenset({"U0CAROL"}))
    assert "when this was requested" in ruling(member(BOB), notice=notice).refusal


def test_people_are_told_apart_by_id_and_never_by_name() -> None:
    impostor = Member(Person("U0EVE", "bob"), TEAM)
    renamed = Member(Person("U0BOB", "alice"), TEAM)
    assert ruling(impostor).refusal != ""
    assert ruling(renamed).refusal == ""


def test_one_person_counts_once_however_often_they_react() -> None:
    count = tally([ruling(member(BOB)), ruling(member(BOB))], quorum=2)
    assert (count.missing, count.reached) == (1, False)


def test_two_people_make_a_quorum_of_two() -> None:
    count = tally([ruling(member(BOB)), ruling(member(CAROL))], quorum=2)
    assert count.reached
    assert count.approvers == (BOB, CAROL)


def test_refused_marks_are_not_counted() -> None:
    count = tally([ruling(member(ALICE)), ruling(replace(member(BOB), guest=True))], quorum=1)
    assert (count.approvers, count.missing) == ((), 1)


def test_a_veto_ends_it_even_with_the_quorum_reached() -> None:
    count = tally([ruling(member(BOB)), ruling(member(CAROL), Mark.VETO)], quorum=1)
    assert count.veto == CAROL
    assert not count.reached


def test_a_veto_that_does_not_count_ends_nothing() -> None:
    eve = member(Person("U0EVE", "eve"))
    assert tally([ruling(eve, Mark.VETO), ruling(member(BOB))], quorum=1).reached


def test_nobody_is_never_a_quorum() -> None:
    assert not tally([], quorum=1).reached


@given(
    votes=st.lists(st.tuples(st.sampled_from([ALICE, BOB, CAROL]), st.sampled_from(list(Mark)))),
    quorum=st.integers(min_value=1, max_value=3),
)
def test_it_is_reached_exactly_when_enough_others_approve_and_no_approver_objects(
    votes: list[tuple[Person, Mark]], quorum: int
) -> None:
    count = tally([ruling(member(person), mark) for person, mark in votes], quorum)
    approving = {p.id for p, mark in votes if mark is Mark.APPROVE} & APPROVERS
    objecting = {p.id for p, mark in votes if mark is Mark.VETO} & APPROVERS
    assert count.reached == (len(approving) >= quorum and not objecting)
