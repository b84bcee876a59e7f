"""What /tsstatus says of kept databases, and of what dead runs left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.adapters.slack.blocks_status import status_page
from bot.core.kept import Exchange, Kept, KeptReport
from bot.core.models import DatabaseFacts
from bot.core.plan import StepName
from bot.core.points import checklist
from tests.adapters.slack.rendering import page
from tests.core.run_samples import LIVE
from tests.core.test_status import HEALTHY, UNREADABLE

NOW = HEALTHY.at
SHUT = replace(LIVE, name="tsdb_before_11111111", allows_connections=False)


def shown(report: KeptReport | None) -> str:
    return page(status_page(HEALTHY, checklist(HEALTHY), None, kept=report))


def kept(days: float, facts: DatabaseFacts = SHUT) -> Kept:
    at = NOW - timedelta(days=days)
    return Kept(Exchange("11111111", StepName.CUT_OVER, at, "C0OPS", 1, facts.name, 2), facts)


def test_a_kept_database_is_shown_with_size_age_run_and_until_when() -> None:
    text = shown(KeptReport((kept(2),)))
    for part in (SHUT.name, "5.0 GiB", "set aside 2 d 0 h ago by run 11111111", "kept until "):
        assert part in text


def test_one_whose_time_is_over_waits_for_approvers() -> None:
    assert "approvers are asked to drop it since " in shown(KeptReport((kept(8),)))


def test_one_that_somebody_opened_says_that_its_jobs_run() -> None:
    opened = kept(2, replace(SHUT, allows_connections=True))
    assert "accepts connections: shut it" in shown(KeptReport((opened,)))


def test_what_a_dead_run_left_is_shown_with_how_to_drop_it() -> None:
    text = shown(KeptReport(left_over=("tsdb_restore_22222222",)))
    assert 'DROP DATABASE "tsdb_restore_22222222" WITH (FORCE)' in text


def test_a_live_database_that_was_put_back_says_by_which_run() -> None:
    back = Exchange("33333333", StepName.SWAP_BACK, NOW, "C0OPS", 1, "x", 2)
    text = shown(KeptReport(put_back=back))
    assert "The live one was put back " in text
    assert "33333333" in text


def test_what_cannot_be_looked_up_is_said_and_nothing_kept_says_nothing() -> None:
    assert "could not be looked up: gone" in shown(KeptReport(problem="gone"))
    assert "Kept databases" not in shown(KeptReport()) + shown(None)


def test_a_server_that_cannot_be_reached_is_not_complained_of_twice() -> None:
    told = page(
        status_page(UNREADABLE, checklist(UNREADABLE), None, kept=KeptReport(problem="gone"))
    )
    assert "Kept databases" not in told
