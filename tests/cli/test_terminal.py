"""A run on the terminal: what matters has a line, and no text from outside moves the cursor."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from bot.cli.terminal import TerminalPresenter, check_line, plan_lines
from bot.core import events as ev
from bot.core.models import Check, Strategy, Verdict
from bot.core.plan import Loss, StepName
from tests.core.run_samples import (
    BEN,
    RUN,
    START,
    a_plan,
    after,
    finished,
    planned,
    requested,
)

STEP = StepName.PG_RESTORE


def shown(*events: ev.Event) -> str:
    out = io.StringIO()
    presenter = TerminalPresenter(out)
    for event in events:
        presenter.show(event)
    return out.getvalue()


def test_a_plan_says_what_is_restored_from_what_and_what_would_be_lost() -> None:
    text = shown(planned())
    for fact in (
        f"Plan of run {RUN}",
        a_plan().digest()[:16],
        "demo: database tsdb on db",
        "tsdb_2026-02-28.dump, 3.2 GiB, taken 2026-03-01 02:20 UTC",
        "TimescaleDB 2.19.3, PostgreSQL 17.4",
        "stops     grafana",
        "newest row now: 2026-03-01 08:29:20 UTC",
        "warning   PostgreSQL restarts",
        "retention job 1003",
    ):
        assert fact in text, fact


def test_exactly_the_destructive_steps_are_marked() -> None:
    marked = [line.split()[0] for line in plan_lines(a_plan()) if line.endswith("DESTRUCTIVE")]
    assert marked == ["1", "2", "8"]


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    plan = a_plan(loss=Loss(None, None), applications=(), warnings=(), retention=())
    text = "\n".join(plan_lines(plan))
    assert "newest row now: unknown" in text
    assert "stops     no application" in text


def test_a_step_shows_its_number_its_intent_and_its_end() -> None:
    text = shown(
        ev.StepStarted(run_id=RUN, at=START, step=STEP, intent="restore tsdb.dump"),
        ev.StepFinished(run_id=RUN, at=after(9), step=STEP, summary="31 entries", seconds=8.04),
    )
    assert text.splitlines() == [
        "08:30:00 step 6   Restore the dump: restore tsdb.dump",
        "                  done in 8.0 s: 31 entries",
    ]


def test_a_failure_shows_the_tail_of_what_was_printed() -> None:
    text = shown(
        ev.StepFailed(
            run_id=RUN, at=after(9), step=STEP, sentence="disk full", seconds=2, tail="one\ntwo"
        )
    )
    assert [line.strip() for line in text.splitlines()] == [
        "FAILED after 2.0 s: disk full",
        "| one",
        "| two",
    ]


@pytest.mark.parametrize(("ok", "word"), [(True, "undone: "), (False, "COULD NOT BE UNDONE: ")])
def test_an_undo_says_whether_it_worked(ok: bool, word: str) -> None:
    undone = ev.StepUndone(run_id=RUN, at=after(9), step=STEP, summary="dropped", ok=ok)
    assert shown(undone).strip() == f"{word}Restore the dump: dropped"


def test_the_end_is_the_last_word() -> None:
    assert shown(finished("failed", "Disk full.")) == "FAILED in 200.0 s: Disk full.\n"


def test_output_is_shown_as_it_arrives() -> None:
    arrived = ev.OutputArrived(run_id=RUN, at=after(3), step=STEP, lines=("a warning", "another"))
    assert [line.strip() for line in shown(arrived).splitlines()] == ["| a warning", "| another"]


def test_events_without_news_for_the_terminal_print_nothing() -> None:
    progressed = ev.StepProgressed(run_id=RUN, at=after(2), step=STEP, done=0.5, note="x")
    reached = ev.QuorumReached(
        run_id=RUN, at=after(2), approvers=(BEN,), starts_at=after(3), digest="ab"
    )
    assert shown(requested(), progressed, reached) == ""


@pytest.mark.parametrize(
    ("verdict", "sign"),
    [
        (Verdict.OK, "[ok]"),
        (Verdict.WARNING, "[!!]"),
        (Verdict.FAILED, "[NO]"),
        (Verdict.UNKNOWN, "[??]"),
    ],
)
def test_each_verdict_has_a_sign_and_a_remedy_unless_it_is_ok(verdict: Verdict, sign: str) -> None:
    line = check_line(Check("disk", verdict, "3 GB free", "make room"))
    assert line.startswith(f"{sign} disk: 3 GB free")
    assert line.endswith("-> make room") == (verdict is not Verdict.OK)


def test_checks_are_shown_one_a_line() -> None:
    checks = (Check("a", Verdict.OK, "fine"), Check("b", Verdict.FAILED, "bad", "mend it"))
    made = ev.ChecksMade(run_id=RUN, at=after(4), step=StepName.CHECKLIST, checks=checks)
    assert [line.strip() for line in shown(made).splitlines()] == [
        "[ok] a: fine",
        "[NO] b: bad -> mend it",
    ]


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "\x1b]0;title\x07x", "a\rb", "a\nb", "\x9b31m"])
def test_text_from_outside_moves_no_cursor_and_breaks_no_line(text: str) -> None:
    failed = ev.StepFailed(run_id=RUN, at=after(9), step=STEP, sentence=text, seconds=1)
    printed = shown(failed)
    assert printed.count("\n") == 1
    assert not set(printed) & {"\x1b", "\x07", "\r", "\x9b"}


def test_what_drop_first_does_is_said_in_the_first_line() -> None:
    target = replace(a_plan().target, strategy=Strategy.DROP_FIRST)
    assert "DROPPED for good" in plan_lines(a_plan(target=target))[0]
    assert "DROPPED" not in "".join(plan_lines(a_plan(target=target, live=None)))


def test_why_approvers_are_asked_before_anything_is_done_is_in_the_plan() -> None:
    lines = plan_lines(a_plan(early_gate="mallory is not trusted"))
    [told] = [line for line in lines if "mallory" in line]
    assert told.split()[:2] == ["asked", "before"]
