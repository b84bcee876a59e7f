from __future__ import annotations

from dataclasses import replace

from bot.adapters.slack.blocks import Look
from bot.adapters.slack.blocks_result import checklist, decision, failure, note, refusal, result
from bot.core import events as ev
from bot.core.models import Check, Verdict
from bot.core.permissions import ARM_RETENTION, REFRESH_ALL
from bot.core.plan import StepName
from bot.core.repair import REPAIR
from bot.core.run_view import RunView, fold
from tests.adapters.slack.rendering import page
from tests.core.run_samples import RUN, a_notice, a_plan, after, finished, planned, requested

POINTS = (
    Check("workers", Verdict.OK, "1 launcher, 1 scheduler"),
    Check("jobs", Verdict.UNKNOWN, "timed out", "ask again with /tsstatus"),
    Check("restoring", Verdict.FAILED, "on for the role app", "/repair demo"),
)


def folded(*events: ev.Event) -> RunView:
    view: RunView | None = None
    for event in (requested(), planned(), *events):
        view = fold(view, event)
    assert view is not None
    return view


def checked(step: StepName, *checks: Check) -> ev.ChecksMade:
    return ev.ChecksMade(run_id=RUN, at=after(99), step=step, checks=checks)


def test_a_result_mentions_the_requester_and_shows_time_and_counts() -> None:
    look = result(folded(finished()))
    shown = page(look)
    assert "Restore of demo: succeeded\n:white_check_mark: <@U0ANA> All is well." in shown
    assert "Took 3 min 20 s\nFrom tsdb_2026-02-28.dump\nNow there: 12 tables, 31 chunks" in shown
    assert look.text.startswith("<@U0ANA> Restore of demo: succeeded.")


def test_a_result_brings_each_point_s_evidence_and_the_remedy_of_the_bad_ones() -> None:
    shown = page(result(folded(checked(StepName.CHECKLIST, *POINTS), finished("unverified"))))
    assert ":white_check_mark: workers: 1 launcher, 1 scheduler\n" in shown
    assert ":grey_question: jobs: timed out → ask again with /tsstatus" in shown
    assert ":x: restoring: on for the role app → /repair demo" in shown


def test_a_check_that_could_not_run_is_never_green() -> None:
    shown = page(Look("t", checklist("Points", POINTS[1:2])))
    assert "white_check_mark" not in shown


def test_of_preflight_only_what_was_wrong_is_told() -> None:
    wrong = Check("disk", Verdict.FAILED, "3 GiB missing", "make room")
    checks = checked(StepName.PREFLIGHT, Check("roles", Verdict.OK, "all there"), wrong)
    shown = page(result(folded(checks, finished("refused", "Preflight failed."))))
    assert ":x: disk: 3 GiB missing → make room" in shown
    assert "roles" not in shown


def test_a_decision_says_how_the_gate_ended_and_mentions_the_requester() -> None:
    notice = a_notice()
    opened = ev.GateOpened(run_id=RUN, at=after(6), notice=notice, channel="C0OPS", ts="17.5")
    closed = ev.GateClosed(
        run_id=RUN,
        at=after(9),
        outcome="vetoed",
        sentence="stopped by Ben",
        digest=notice.digest,
    )
    view = folded(opened, closed)
    assert view.gate is not None
    look = decision(view, view.gate)
    assert ":no_entry_sign: <@U0ANA> Vetoed: restore of demo. stopped by Ben" in page(look)
    assert look.text.startswith("<@U0ANA> Vetoed: restore of demo.")


def test_a_failure_names_the_step_and_where_to_read_on() -> None:
    failed = ev.StepFailed(
        run_id=RUN, at=after(9), step=StepName.PG_RESTORE, sentence="disk full", seconds=3
    )
    view = folded(failed)
    assert view.failed is not None
    shown = page(failure(view, view.failed))
    assert "<@U0ANA> Restore of demo failed at step 6, Restore the dump: disk full" in shown
    assert "`tsbot audit show r7f3a2`" in shown


def test_a_refusal_is_one_safe_sentence() -> None:
    look = refusal("No backup\n“<!channel>`x`”; did you mean a.dump?")
    assert page(look) == ":no_entry: No backup “<!channel>`x`”; did you mean a.dump?\n\n"
    assert "<!channel>" not in look.text


def test_a_note_keeps_the_end_of_long_output() -> None:
    look = note([("Restore the dump", "\n".join(f"line {n}" for n in range(2000)))])
    shown = page(look)
    assert shown.endswith("line 1999\n")
    assert "line 0\n" not in shown
    assert len(shown) < 3200


def test_of_many_notes_the_newest_are_kept_in_order() -> None:
    shown = page(note([(f"note {n}", "x" * 900) for n in range(20)]))
    assert "note 0" not in shown
    assert shown.index("note 18") < shown.index("note 19")
    assert len(shown) < 4000


def test_terminal_escapes_in_output_never_reach_slack() -> None:
    assert "\x1b" not in page(note([("t", "\x1b[31mred\x1b[0m <!channel>")]))


def test_more_checks_than_fit_are_counted() -> None:
    many = [Check(f"c{n}", Verdict.OK, "fine") for n in range(35)]
    assert "and 5 more checks" in page(Look("t", checklist("Points", many)))


def test_a_dry_run_tells_the_plan_and_what_would_be_lost() -> None:
    told = page(result(folded(finished("dry run"))))
    assert "Would be lost" in told
    assert "grafana" in told
    assert "cut over (destructive)" in told
    assert a_plan().digest()[:12] in told


def test_a_restore_that_was_done_does_not_tell_its_plan_again() -> None:
    told = page(result(folded(finished())))
    assert "Would be lost" not in told


def repaired(facts: dict[str, object], *checks: Check) -> str:
    """The buttons' part of a repair's result, with their values."""
    view: RunView | None = None
    asked = replace(requested(), operation=REPAIR, backup="")
    ended = ev.StepFinished(
        run_id=RUN, at=after(98), step=StepName.CHECKLIST, summary="", seconds=1, facts=facts
    )
    for event in (asked, ended, checked(StepName.CHECKLIST, *checks), finished("unverified")):
        view = fold(view, event)
    assert view is not None
    return str([block for block in result(view).blocks if block["type"] == "actions"])


EMPTY = Check("continuous aggregates hold data", Verdict.FAILED, "empty: a", "/refresh all")


def test_a_repair_offers_to_refresh_aggregates_that_are_empty_and_no_others() -> None:
    assert REFRESH_ALL.action in repaired({}, EMPTY)
    assert repaired({}, replace(EMPTY, verdict=Verdict.OK)) == "[]"


def test_a_repair_offers_retention_again_under_the_run_that_left_it_paused() -> None:
    shown = repaired({"waiting": [1001], "waiting_since": "0ddba110"})
    assert ARM_RETENTION.action in shown
    assert "0ddba110" in shown
    assert RUN in repaired({"waiting": [1001]})
