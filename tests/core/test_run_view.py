from __future__ import annotations

from bot.core import events as ev
from bot.core.approvals import Mark
from bot.core.models import Check, Verdict
from bot.core.plan import StepName
from bot.core.run_view import GateState, RunView, StepState, StepView, fold
from tests.core.run_samples import (
    ANA,
    BEN,
    RUN,
    a_notice,
    a_plan,
    after,
    finished,
    planned,
    requested,
)

NOTICE = a_notice()
OPENED = ev.GateOpened(run_id=RUN, at=after(6), notice=NOTICE, channel="C0OPS", ts="17.5")


def folded(*events: ev.Event) -> RunView:
    view: RunView | None = None
    for event in events:
        view = fold(view, event)
    assert view is not None
    return view


def started(step: StepName, seconds: float = 10) -> ev.StepStarted:
    return ev.StepStarted(run_id=RUN, at=after(seconds), step=step, intent="")


def progressed(done: float, seconds: float) -> ev.StepProgressed:
    step = StepName.PG_RESTORE
    return ev.StepProgressed(run_id=RUN, at=after(seconds), step=step, done=done, note="table x")


def vote(mark: Mark = Mark.APPROVE, refusal: str = "", digest: str = NOTICE.digest) -> ev.VoteTaken:
    return ev.VoteTaken(
        run_id=RUN, at=after(7), person=BEN, mark=mark, refusal=refusal, digest=digest
    )


def step_of(view: RunView, name: StepName) -> StepView:
    step = view.step(name)
    assert step is not None
    return step


def test_a_request_says_who_wants_what_where() -> None:
    view = folded(requested())
    assert (view.run_id, view.operation, view.target, view.backup) == (
        RUN,
        "restore",
        "demo",
        "latest",
    )
    assert (view.requester, view.channel, view.started_at) == (ANA, "C0OPS", after(0))


def test_preflight_shows_before_there_is_a_plan_and_stays_first_in_it() -> None:
    early = folded(requested(), started(StepName.PREFLIGHT))
    assert [s.spec.name for s in early.steps] == [StepName.PREFLIGHT]
    assert early.current == early.steps[0]
    later = fold(early, planned())
    assert [s.spec for s in later.steps] == list(a_plan().steps)
    assert later.steps[0].state is StepState.RUNNING
    assert later.backup == a_plan().backup.file.name


def test_time_left_follows_from_the_share_done_and_the_time_it_took() -> None:
    view = folded(requested(), planned(), started(StepName.PG_RESTORE, 10), progressed(0.25, 40))
    step = step_of(view, StepName.PG_RESTORE)
    assert (step.done, step.note, step.left) == (0.25, "table x", 90.0)


def test_no_time_left_is_guessed_from_next_to_nothing() -> None:
    view = folded(requested(), planned(), started(StepName.PG_RESTORE, 10), progressed(0.01, 40))
    assert step_of(view, StepName.PG_RESTORE).left is None


def test_progress_of_a_step_that_is_over_changes_nothing() -> None:
    done = ev.StepFinished(
        run_id=RUN, at=after(50), step=StepName.PG_RESTORE, summary="12 tables", seconds=40
    )
    view = folded(requested(), planned(), started(StepName.PG_RESTORE), done, progressed(0.5, 51))
    step = step_of(view, StepName.PG_RESTORE)
    assert (step.state, step.summary, step.seconds) == (StepState.DONE, "12 tables", 40)
    assert (step.done, step.left, view.current) == (None, None, None)


def test_a_failed_step_keeps_how_far_it_came() -> None:
    failed = ev.StepFailed(
        run_id=RUN, at=after(50), step=StepName.PG_RESTORE, sentence="disk full", seconds=40
    )
    view = folded(requested(), planned(), started(StepName.PG_RESTORE), progressed(0.5, 20), failed)
    assert view.failed == step_of(view, StepName.PG_RESTORE)
    assert step_of(view, StepName.PG_RESTORE).done == 0.5


def test_a_step_that_could_not_be_taken_back_is_shown_as_failed() -> None:
    begun = (requested(), planned(), started(StepName.STOP_APPLICATIONS))
    for ok, state in ((True, StepState.UNDONE), (False, StepState.FAILED)):
        undone = ev.StepUndone(
            run_id=RUN, at=after(60), step=StepName.STOP_APPLICATIONS, summary="app", ok=ok
        )
        assert step_of(folded(*begun, undone), StepName.STOP_APPLICATIONS).state is state


def test_an_open_gate_says_how_many_approvals_are_missing() -> None:
    gate = folded(requested(), planned(), OPENED).gate
    assert gate is not None
    assert (gate.state, gate.missing, gate.ts) == (GateState.OPEN, 2, "17.5")
    gate = folded(requested(), planned(), OPENED, vote(), vote()).gate
    assert gate is not None
    assert (gate.approvers, gate.missing) == ((BEN,), 1)


def test_votes_that_do_not_count_are_not_counted() -> None:
    for other in (vote(refusal="guest"), vote(Mark.VETO), vote(digest="of an older plan")):
        gate = folded(requested(), OPENED, other).gate
        assert gate is not None
        assert gate.approvers == ()


def test_a_vote_that_stops_counting_leaves_the_picture() -> None:
    view = folded(requested(), planned(), OPENED, vote(), vote(refusal="off the list"))
    assert view.gate is not None
    assert view.gate.approvers == ()


def test_a_vote_taken_back_during_the_grace_opens_the_gate_again() -> None:
    quorum = ev.QuorumReached(
        run_id=RUN, at=after(8), approvers=(BEN,), starts_at=after(23), digest=NOTICE.digest
    )
    back = ev.VoteWithdrawn(
        run_id=RUN, at=after(9), person=BEN, mark=Mark.APPROVE, digest=NOTICE.digest
    )
    grace = folded(requested(), OPENED, vote(), quorum)
    assert grace.gate is not None
    assert (grace.gate.state, grace.gate.starts_at) == (GateState.GRACE, after(23))
    again = fold(grace, back).gate
    assert again is not None
    assert (again.state, again.approvers, again.starts_at) == (GateState.OPEN, (), None)


def test_a_closed_gate_keeps_who_approved_and_how_it_ended() -> None:
    closed = ev.GateClosed(
        run_id=RUN,
        at=after(30),
        outcome="expired",
        sentence="nobody decided",
        digest=NOTICE.digest,
    )
    gate = folded(requested(), OPENED, vote(), closed).gate
    assert gate is not None
    assert (gate.state, gate.outcome, gate.approvers) == (GateState.CLOSED, "expired", (BEN,))


def test_a_delay_stays_until_slack_answers_again() -> None:
    delayed = ev.GateDelayed(run_id=RUN, at=after(7), reason="Slack did not answer")
    view = folded(requested(), OPENED, delayed)
    assert view.delay == "Slack did not answer"
    assert fold(view, vote()).delay == ""
    assert fold(view, finished()).delay == ""


def test_checks_are_kept_by_the_step_that_made_them() -> None:
    check = Check("workers", Verdict.OK, "1 scheduler")
    made = ev.ChecksMade(run_id=RUN, at=after(90), step=StepName.CHECKLIST, checks=(check,))
    assert folded(requested(), made).checks == {StepName.CHECKLIST: (check,)}


def test_the_end_keeps_outcome_time_and_counts() -> None:
    view = folded(requested(), planned(), finished())
    assert view.finished
    assert (view.outcome, view.seconds, view.counts["chunks"]) == ("succeeded", 200.0, 31)


def test_a_run_whose_beginning_is_unknown_can_still_be_shown() -> None:
    view = folded(finished("failed", "The bot stopped."))
    assert (view.run_id, view.outcome, view.requester) == (RUN, "failed", ANA)


def test_folding_does_not_change_the_view_before() -> None:
    before = folded(requested(), planned())
    fold(before, started(StepName.CREATE_DATABASE))
    assert step_of(before, StepName.CREATE_DATABASE).state is StepState.PENDING
    assert before.updated_at == after(5)
