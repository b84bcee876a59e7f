"""Jobs are judged by what they did: a planned start, or a status alone, is no proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.core.job_proof import Sighting, has_run, proofs
from bot.core.jobs import Job, JobWork
from bot.core.models import Check, Verdict
from tests.core.test_status import job

STARTED = datetime(2026, 1, 31, 8, 30, 5, tzinfo=UTC)
NEVER = job(last_status="", last_success=None, next_start=None)
RAN = replace(NEVER, runs=1, started=STARTED, last_status="Success", next_start=STARTED)
RANGE, OTHER = (100, 199), (300, 399)


def proof(
    after: Job | None = RAN, before: JobWork | None = None, now: JobWork | None = None
) -> Check:
    """Return the proof of job 1000, which never ran before."""
    then = Sighting({1000: NEVER}, {1000: before} if before else {})
    seen = Sighting({1000: after} if after else {}, {1000: now} if now else {})
    [check] = proofs(then, seen, [1000])
    return check


def work(*due: tuple[int, int], **changes: Any) -> JobWork:
    return JobWork(frozenset(due), **changes)


def test_a_job_that_was_only_scheduled_is_no_proof_and_no_failure() -> None:
    check = proof(replace(NEVER, next_start=STARTED))
    assert check.verdict is Verdict.WARNING
    assert check.evidence == "scheduled for 2026-01-31 08:30 UTC, not yet run since"
    assert "/runjob 1000" in check.remedy


def test_a_job_that_nobody_schedules_has_failed() -> None:
    check = proof(NEVER)
    assert (check.verdict, check.evidence[:13]) == (Verdict.FAILED, "no next start")


def test_a_job_that_is_still_running_is_a_warning() -> None:
    check = proof(replace(NEVER, running=True, started=STARTED, runs=1))
    assert check.verdict is Verdict.WARNING
    assert check.evidence == "running since 2026-01-31 08:30 UTC, not finished yet"


def test_a_job_that_is_gone_has_failed() -> None:
    assert proof(None).verdict is Verdict.FAILED


def test_runs_from_before_do_not_count() -> None:
    once, again = Sighting({1000: RAN}), Sighting({1000: replace(RAN, runs=2)})
    assert not has_run(once, once, 1000)
    assert has_run(once, again, 1000)
    assert not has_run(once, Sighting({1000: replace(RAN, runs=2, running=True)}), 1000)


@pytest.mark.parametrize(
    ("before", "now", "evidence"),
    [
        (work(RANGE), work(), "1 range refreshed"),
        (work(RANGE, OTHER), work(OTHER), "1 range refreshed, 1 range left for its next run"),
        (work(mark="5"), work(mark="6"), "its watermark moved"),
        (work(written=5), work(written=9), "4 rows written or replaced"),
        (work(), work(), "nothing was due"),
    ],
)
def test_a_success_with_its_effect_is_green(before: JobWork, now: JobWork, evidence: str) -> None:
    check = proof(RAN, before, now)
    assert (check.verdict, check.evidence) == (Verdict.OK, f"ran at 08:30:05 UTC: {evidence}")
    assert check.name == "job 1000, policy_refresh_continuous_aggregate of public.metrics"


def test_what_came_anew_in_a_range_that_was_due_is_seen_by_the_rows_written() -> None:
    check = proof(RAN, work(RANGE, written=3), work((90, 250), written=7))
    assert check.verdict is Verdict.OK
    assert "4 rows written or replaced, 1 range left" in check.evidence


def test_a_success_that_moved_nothing_though_something_was_due_is_not_green() -> None:
    check = proof(RAN, work(RANGE), work(RANGE))
    assert check.verdict is Verdict.WARNING
    assert "1 range due and none refreshed" in check.evidence


@pytest.mark.parametrize(
    ("procedure", "evidence"),
    [("policy_retention", "1 chunk dropped"), ("policy_compression", "1 chunk compressed")],
)
def test_chunks_are_named_by_what_was_done_to_them(procedure: str, evidence: str) -> None:
    assert evidence in proof(replace(RAN, procedure=procedure), work(RANGE), work()).evidence


def test_a_job_whose_effect_cannot_be_seen_is_judged_by_its_status_and_says_so() -> None:
    check = proof(RAN)
    assert check.verdict is Verdict.OK
    assert "its effect can't be seen from outside" in check.evidence


def test_a_failed_job_shows_its_error_in_one_short_line() -> None:
    failed = replace(RAN, last_status="Failed", error="must be owner\x1b[31m\nof view " + "x" * 400)
    check = proof(failed, work(RANGE), work(RANGE))
    assert check.verdict is Verdict.FAILED
    assert "failed at 08:30:05 UTC: must be owner of view xxx" in check.evidence
    assert len(check.evidence) < 400
    assert "/runjob 1000" in check.remedy


def test_a_job_called_failed_whose_work_is_done_is_a_warning_with_the_text() -> None:
    check = proof(replace(RAN, last_status="Failed", error="cannot do"), work(RANGE), work())
    assert check.verdict is Verdict.WARNING
    assert check.evidence.startswith("1 range refreshed, though its run at 08:30:05 UTC is called")
    assert check.evidence.endswith("failed: cannot do")


PORTAL = 'cannot drop portal "" while it is being set up'


@pytest.mark.parametrize("left", [work(), work(RANGE)])
def test_a_job_called_failed_for_what_came_after_its_work_is_judged_by_that(left: JobWork) -> None:
    late = proof(replace(RAN, last_status="Failed", error=PORTAL), left, work())
    assert late.verdict is Verdict.OK
    assert late.evidence.startswith("ran at 08:30:05 UTC: ")
    assert late.evidence.endswith(f"(called failed for what came after its work: {PORTAL})")


def test_of_such_a_job_that_left_undone_what_was_due_nobody_says_that_all_is_well() -> None:
    late = proof(replace(RAN, last_status="Failed", error=PORTAL), work(RANGE), work(RANGE))
    assert late.verdict is Verdict.WARNING


def test_with_nothing_due_no_other_error_is_forgiven() -> None:
    failed = replace(RAN, last_status="Failed", error="must be owner of view")
    assert proof(failed, work(), work()).verdict is Verdict.FAILED
