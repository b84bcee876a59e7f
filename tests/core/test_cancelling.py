"""What cancelling would do is said for each moment of a run, and agrees with what is undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.cancelling import cancelled, effect, required, too_late
from bot.core.errors import Refused
from bot.core.journal import Journal
from bot.core.models import Strategy
from bot.core.plan import ORDER, SPECS, Plan, StepName
from bot.core.run_view import RunView, fold
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import BEN, RUN, a_notice, a_plan, after, finished, planned, requested

IN_PLACE = ORDER[Strategy.IN_PLACE]
BEFORE = IN_PLACE[: IN_PLACE.index(StepName.CUT_OVER)]
SIDE = f"tsdb_restore_{RUN}"


def started(step: StepName) -> ev.StepStarted:
    return ev.StepStarted(run_id=RUN, at=after(9), step=step, intent="")


def done(step: StepName) -> ev.StepFinished:
    return ev.StepFinished(run_id=RUN, at=after(10), step=step, summary="", seconds=1)


def failed(step: StepName) -> ev.StepFailed:
    return ev.StepFailed(run_id=RUN, at=after(10), step=step, sentence="", seconds=1)


def opened() -> ev.GateOpened:
    return ev.GateOpened(run_id=RUN, at=after(6), notice=a_notice(), channel="C0OPS", ts="17.5")


def folded(*events: ev.Event, plan: Plan | None = None) -> RunView:
    view: RunView | None = None
    for event in (requested(), planned(plan), *events):
        view = fold(view, event)
    assert view is not None
    return view


def through(last: StepName, order: Sequence[StepName] = IN_PLACE) -> Sequence[ev.Event]:
    """Every step up to this one, which is at work."""
    before = order[: order.index(last)]
    return [event for step in before for event in (started(step), done(step))] + [started(last)]


def in_strategy(strategy: Strategy) -> Plan:
    plan = a_plan()
    return replace(plan, target=replace(plan.target, strategy=strategy))


def test_in_a_swap_the_applications_run_on_so_none_is_said_to_start() -> None:
    plan, order = in_strategy(Strategy.SWAP), ORDER[Strategy.SWAP]
    before_the_gate = [*through(StepName.ANALYZE, order), done(StepName.ANALYZE), opened()]
    assert effect(folded(*before_the_gate, plan=plan)) == (
        f"at once, the restored copy {SIDE} is dropped. The live database tsdb was not changed."
    )


def test_where_the_old_database_was_dropped_first_nobody_is_told_that_it_survives() -> None:
    plan, order = in_strategy(Strategy.DROP_FIRST), ORDER[Strategy.DROP_FIRST]
    told = effect(folded(*through(StepName.PG_RESTORE, order), plan=plan))
    assert told.endswith("The old tsdb was dropped before and does NOT come back: none is left.")


@pytest.mark.parametrize("strategy", list(Strategy))
def test_it_is_too_late_exactly_from_the_cut_over_on(strategy: Strategy) -> None:
    plan, order = in_strategy(strategy), ORDER[strategy]
    turn = order.index(StepName.CUT_OVER)
    late = [bool(too_late(folded(*through(step, order), plan=plan))) for step in order]
    assert late == [False] * turn + [True] * (len(order) - turn)


@pytest.mark.parametrize("step", [StepName.SWAP_BACK, StepName.DROP_KEPT])
def test_changes_of_another_kind_are_not_broken_off_either(step: StepName) -> None:
    assert "has begun, and is not broken off" in too_late(folded(started(step)))


def test_in_preflight_nothing_was_changed_and_it_is_waited_for() -> None:
    view = fold(fold(None, requested()), started(StepName.PREFLIGHT))
    assert effect(view) == "the run ends when preflight is over; nothing was changed."


def test_at_the_gate_the_request_is_withdrawn_at_once() -> None:
    view = folded(done(StepName.PREFLIGHT), opened())
    assert effect(view) == "the request is withdrawn at once; nothing was changed."


def test_during_pg_restore_it_is_ended_and_all_is_taken_back_in_the_order_of_the_undo() -> None:
    assert effect(folded(*through(StepName.PG_RESTORE))) == (
        "at once, pg_restore is ended in the container and in the server, then the restored copy "
        f"{SIDE} is dropped, then the applications that were stopped start again (grafana). The "
        "live database tsdb was not changed."
    )


@pytest.mark.parametrize("step", [s for s in BEFORE if s is not StepName.PG_RESTORE])
def test_any_other_step_is_over_before_the_run_stops(step: StepName) -> None:
    assert effect(folded(*through(step))).startswith(f"when “{SPECS[step].title}” is over, ")


def test_only_what_was_begun_is_said_to_be_taken_back() -> None:
    told = effect(folded(started(StepName.STOP_APPLICATIONS)))
    assert "start again (grafana)" in told
    assert "dropped" not in told
    assert "pg_restore" not in told
    beside = effect(folded(started(StepName.CREATE_DATABASE), done(StepName.CREATE_DATABASE)))
    assert beside == (
        f"at once, the restored copy {SIDE} is dropped. The live database tsdb was not changed."
    )


def test_a_finished_pg_restore_is_not_said_to_be_ended() -> None:
    assert "pg_restore" not in effect(folded(*through(StepName.ANALYZE)))


def test_where_no_application_ran_none_is_said_to_start() -> None:
    view = folded(*through(StepName.PG_RESTORE), plan=a_plan(applications=()))
    assert "start again" not in effect(view)


def test_of_many_applications_three_are_named() -> None:
    one = a_plan().applications[0]
    many = tuple(replace(one, name=f"app-{n}") for n in range(5))
    told = effect(folded(*through(StepName.PG_RESTORE), plan=a_plan(applications=many)))
    assert "(app-0, app-1, app-2 and 2 more)" in told


def test_a_target_that_did_not_exist_is_not_said_to_be_untouched() -> None:
    told = effect(folded(*through(StepName.PG_RESTORE), plan=a_plan(live=None)))
    assert told.endswith("There is no tsdb, as before.")


def test_a_failure_after_the_cut_over_makes_nothing_cancellable_again() -> None:
    view = folded(*through(StepName.RESTART), failed(StepName.RESTART))
    assert "have changed" in too_late(view)


def test_what_is_taken_back_already_cannot_be_cancelled() -> None:
    view = folded(*through(StepName.PG_RESTORE), failed(StepName.PG_RESTORE))
    assert "taken back already" in too_late(view)


def test_what_has_ended_cannot_be_cancelled() -> None:
    assert too_late(folded(finished())) == "it has ended."


def test_a_refresh_is_cancelled_between_two_views() -> None:
    asked = replace(requested(), operation="refresh")
    at_work = fold(fold(None, asked), started(StepName.REFRESH))
    assert effect(at_work).startswith("the view at work is finished, those after it are not begun")
    assert effect(fold(None, asked)) == "what was refreshed so far stays."


def test_who_cancelled_is_remembered_with_what_they_were_told() -> None:
    asked = ev.CancelAsked(run_id=RUN, at=after(9), person=BEN, effect="at once, …")
    assert folded(*through(StepName.PG_RESTORE), asked).cancelled_by == BEN


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock())
    yield store
    store.close()


def log(store: AuditStore, *events: ev.Event) -> None:
    journal = Journal(store.log, Screen(), Draft("run", Phase.NOTE), SteppingClock())
    for event in events:
        journal.record(event)


def test_what_it_does_is_read_from_the_log(store: AuditStore) -> None:
    log(store, requested(), planned(), *through(StepName.PG_RESTORE))
    assert required(RUN, store.log) == effect(folded(*through(StepName.PG_RESTORE)))


def test_a_click_that_comes_too_late_is_refused_with_why(store: AuditStore) -> None:
    log(store, requested(), planned(), *through(StepName.CUT_OVER))
    with pytest.raises(Refused, match="cannot be cancelled any more: “Terminate") as caught:
        required(RUN, store.log)
    assert caught.value.code == "too_late"


def test_a_run_is_cancelled_also_while_the_log_cannot_be_read(
    store: AuditStore, tmp_path: Path
) -> None:
    log(store, requested(), planned())
    (tmp_path / "audit.db").rename(tmp_path / "away.db")
    assert required(RUN, store.log) == ""
    assert cancelled(RUN, "") == f"Run {RUN} stops at its next safe point."


class Screen:
    """Shows nothing."""

    def show(self, event: ev.Event) -> None:
        """Take note of nothing."""
