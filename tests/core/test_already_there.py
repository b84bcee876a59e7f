from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.already_there import applications_check, leftover_check
from bot.core.models import Container, Session, Verdict
from bot.core.plan import side_name

OLD = Session(7, "shop_restore_05441ca1", "postgres", "tsbot-restore-05441ca1", "active", "")
WEB = Container("w1", "shop-web-1", "web:1", running=True)


def test_approvers_hear_of_applications_that_this_run_will_not_start() -> None:
    check = applications_check({"web": replace(WEB, running=False), "api": WEB})
    assert check.verdict is Verdict.WARNING
    assert check.evidence == "not running, and not started by this run: shop-web-1"
    assert applications_check({"web": WEB}).verdict is Verdict.OK


def test_an_application_without_a_container_stops_a_run_also_where_others_are_down() -> None:
    check = applications_check({"web": replace(WEB, running=False), "gone": None})
    assert (check.verdict, check.evidence) == (Verdict.FAILED, "missing: gone")


def test_an_application_that_removes_itself_when_stopped_could_never_be_started_again() -> None:
    check = applications_check({"web": replace(WEB, removes_itself=True)})
    assert (check.verdict, check.remedy) == (Verdict.FAILED, "create them anew without --rm")
    assert check.evidence == "gone for good once stopped: shop-web-1"


def test_approvers_hear_of_a_pg_restore_that_lives_on() -> None:
    check = leftover_check([OLD, replace(OLD, pid=8), replace(OLD, application="psql")], "shop")
    assert check.verdict is Verdict.WARNING
    assert check.evidence.endswith("runs: tsbot-restore-05441ca1 in shop_restore_05441ca1")
    assert leftover_check([], "shop").verdict is Verdict.OK


@pytest.mark.parametrize(
    "database",
    [
        "other_restore_05441ca1",
        "shop_eu_restore_05441ca1",
        "shop_restore_0badcafe",
        "shop",
        "",  # starting up
    ],
)
def test_nobody_is_told_to_end_the_restore_of_another_target_which_may_be_alive(
    database: str,
) -> None:
    assert leftover_check([replace(OLD, database=database)], "shop").verdict is Verdict.OK


def test_the_side_database_of_a_long_name_is_known_by_as_much_of_it_as_fits() -> None:
    live = "s" * 63
    there = replace(OLD, database=side_name(live, "05441ca1"))
    assert leftover_check([there], live).verdict is Verdict.WARNING
