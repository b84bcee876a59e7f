"""What is said of a run that left something behind, to somebody who has to clear it at night."""

from __future__ import annotations

from bot.core import events as ev
from bot.core.aftermath import left_behind, standing
from bot.core.interrupted import Unfinished
from bot.core.plan import ORDER, StepName
from bot.core.recovery import account
from tests.core.run_samples import RUN, a_plan, after, planned, requested

STEPS = ORDER[a_plan().target.strategy]


def begun(step: StepName) -> ev.StepStarted:
    return ev.StepStarted(run_id=RUN, at=after(9), step=step, intent="do it")


def done(step: StepName) -> ev.StepFinished:
    return ev.StepFinished(run_id=RUN, at=after(9), step=step, summary="done", seconds=1)


def died_in(step: StepName) -> str:
    """Return what is said of a run that was killed in that step."""
    events: list[ev.Event] = [requested(), planned()]
    for name in STEPS[: STEPS.index(step)]:
        events += [begun(name), done(name)]
    return account(Unfinished(RUN, (*events, begun(step))))


def test_a_run_killed_in_pg_restore_leaves_three_things_to_do_and_the_applications_are_first() -> (
    None
):
    said = died_in(StepName.PG_RESTORE)
    assert "in the middle of “Restore the dump”" in said
    assert "The live database tsdb was not changed." in said
    assert "(1) the applications may be DOWN: docker start grafana;" in said
    assert "(2) end pg_restore: SELECT pg_terminate_backend(pid) FROM pg_stat_activity" in said
    assert f"application_name = 'tsbot-restore-{RUN}';" in said
    assert f'(3) remove the half-restored one: DROP DATABASE IF EXISTS "tsdb_restore_{RUN}"' in said


def test_a_pg_restore_that_had_ended_is_not_looked_for() -> None:
    said = died_in(StepName.ANALYZE)
    assert "pg_terminate_backend" not in said
    assert f'DROP DATABASE IF EXISTS "tsdb_restore_{RUN}"' in said


def test_nobody_is_told_to_drop_anything_where_the_databases_may_have_changed_places() -> None:
    said = died_in(StepName.CUT_OVER)
    assert "Whether tsdb is the old or the restored database has to be looked up first." in said
    assert "DROP" not in said
    assert said.index("look which database is which") < said.index("docker start grafana")


def test_after_the_cut_over_the_restored_database_and_the_kept_one_are_named() -> None:
    said = died_in(StepName.RESTART)
    assert f"tsdb is the restored database, the old one is kept as tsdb_before_{RUN}" in said
    assert "docker start grafana" in said


def test_applications_that_were_started_again_are_not_called_down() -> None:
    assert "docker start" not in died_in(StepName.JOBS)


def test_what_was_taken_back_is_not_left_to_be_done() -> None:
    undone = ev.StepUndone(run_id=RUN, at=after(9), step=STEPS[0], summary="started", ok=True)
    failed = ev.StepUndone(run_id=RUN, at=after(9), step=STEPS[1], summary="no", ok=False)
    left = standing([begun(STEPS[0]), begun(STEPS[1]), failed, undone])
    assert left == {STEPS[1]}
    assert "docker start" not in left_behind(a_plan(), left)


def test_a_target_that_did_not_exist_before_is_not_said_to_be_untouched() -> None:
    said = left_behind(a_plan(live=None), {StepName.CREATE_DATABASE})
    assert said.startswith("tsdb does not exist, as before. By hand, in this order: (1) remove")
