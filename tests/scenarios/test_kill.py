"""kill -9 of the bot itself: the next one says what it found, and people decide in the channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from bot.core.models import Decision
from bot.core.permissions import DECISIONS
from bot.core.plan import StepName, rejected_name, set_aside_name
from tests.adapters.slack.rendering import seen
from tests.docker.crash import AFTER, BEFORE, WHILE, Point
from tests.docker.sample import DATABASE
from tests.scenarios.aftermath import Before, by_hand
from tests.scenarios.office import Office
from tests.scenarios.run import RESTORED_S, Run
from tests.scenarios.site import DUMP, Site

RESUME, UNDO, ABANDON = Decision.RESUME, Decision.UNDO, Decision.ABANDON


@pytest.fixture(scope="module")
def office(rough: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A workspace for bots that die; the log is one for all of them."""
    office = Office(rough, tmp_path_factory.mktemp("kill"), {"grace": "1s"})
    with office.server:
        yield office


@pytest.fixture(autouse=True)
def _tidy(office: Office) -> Iterator[None]:
    yield
    office.site.tidy()


def killed(office: Office, point: Point, line: str = f"/restore {DUMP} main") -> Run:
    """Let a run go on, approved, until its bot kills itself."""
    with office.process(point) as process:
        run = office.ask(line)
        office.until(lambda: run.gates or not process.is_alive(), "a gate", RESTORED_S)
        if run.gates:
            run.vote(office["ben"])
        process.join(RESTORED_S)
        assert process.exitcode == -SIGKILL, run.sentence
    assert run.outcome == ""
    return run


def told(run: Run) -> str:
    """Wait until the channel is told that a run was interrupted; return what was found."""
    message = run.announced(f"run {run.id} was interrupted.")
    assert len(run.log("interrupted")) == 1
    return seen(message.blocks)


def decide(run: Run, decision: Decision, by: str) -> str:
    """Press a button of the interrupted run and return the answer."""
    office, button = run.office, DECISIONS[decision]
    message = run.announced(f"run {run.id} was interrupted.")
    return office.told(
        office[by], lambda: office[by].click(button.action, "ops", message.ts, run.id)
    )


@pytest.mark.fault("SIGKILL of the bot in a restore, decided in the channel")
@pytest.mark.parametrize(
    ("point", "options", "decision", "by"),
    [
        (Point(StepName.PG_RESTORE, WHILE), "", RESUME, "ana"),
        (Point(StepName.ANALYZE, AFTER), "", UNDO, "cho"),
        (Point(StepName.STOP_APPLICATIONS, AFTER), "", UNDO, "ben"),
        (Point(StepName.CUT_OVER, "rename"), "", RESUME, "cho"),
        (Point(StepName.START_APPLICATIONS, BEFORE), "", RESUME, "ana"),
        (Point(StepName.PG_RESTORE, WHILE), "strategy=in-place", UNDO, "ana"),
    ],
    ids=str,
)
def test_those_who_may_decide_on_a_killed_bot_s_run_and_nobody_else(
    office: Office, point: Point, options: str, decision: Decision, by: str
) -> None:
    before = Before.look(office)
    down = point.step is not StepName.ANALYZE and (options or point.step is not StepName.PG_RESTORE)
    run = killed(office, point, f"/restore {DUMP} main {options}")
    with office.process():
        findings = told(run)
        assert (f"application {office.site.application.name} is DOWN" in findings) == bool(down)
        assert "you must be the person who asked for this run" in decide(run, decision, "dan")
        assert (run.log("decision"), run.outcome) == ([], "")
        assert f"To {decision.value} run {run.id} was taken note of" in decide(run, decision, by)
        office.until(lambda: run.outcome or asked_again(run), "the end or a gate", RESTORED_S)
        outcome = run.ended(RESTORED_S)
        assert outcome == ("succeeded" if decision is RESUME else "cancelled"), run.sentence
        run.announced(f"> Restore of main: {outcome}")
        assert "does not wait for a decision" in decide(run, decision, by)
    assert [d.actor_id for d in run.log("decision")] == [office[by].id]
    before.assert_safe(run, restored=decision is RESUME)


def asked_again(run: Run) -> bool:
    """Vote at the gate of a run that was not past it; it is another gate or the first."""
    if len(run.gates) == len(run.verdicts):
        return False
    run.vote(run.office["cho"])
    return True


@pytest.mark.fault("SIGKILL of the bot between stop and cut-over, abandoned in the channel")
def test_what_an_abandoned_run_leaves_is_cleared_up_with_the_commands_that_are_shown(
    office: Office,
) -> None:
    before = Before.look(office)
    run = killed(office, Point(StepName.STOP_APPLICATIONS, AFTER))
    with office.process():
        told(run)
        decide(run, ABANDON, "ana")
        assert run.ended() == "interrupted"
        assert f"docker start {office.site.application.name}" in run.sentence
        run.announced("> Restore of main: interrupted")
    assert office.site.running() == (False, False)
    typed = by_hand(office, office.printed("runs", "show", run.id))
    assert typed[0] == f"docker start {office.site.application.name}"
    before.assert_safe(run, restored=False)


@pytest.mark.fault("SIGKILL of the bot at the gate and in the grace")
def test_a_waiting_gate_goes_on_on_the_same_message_with_its_votes(
    rough: Site, tmp_path: Path
) -> None:
    office = Office(rough, tmp_path, {"quorum": 2, "grace": "3s"})
    before = Before.look(office)
    with office.server:
        with office.process():
            run = office.restore()
            run.vote(office["ben"])
            run.until(lambda: run.votes(office["ben"]), "a vote")
        with office.process():
            run.approve(office["cho"])
        assert (run.outcome, run.verdicts) == ("", [])
        with office.process():
            assert run.ended(RESTORED_S) == "succeeded", run.sentence
            run.announced("> Restore of main: succeeded")
            run.closed("approved: approved by ben, cho")
    assert (len(run.gates), run.verdicts, len(run.log("card"))) == (1, ["approved"], 1)
    assert [run.votes(office[name]) for name in ("ben", "cho")] == [["approve"]] * 2
    assert run.log("interrupted") == []
    before.assert_safe(run, restored=True)


@pytest.mark.fault("SIGKILL of the bot in a restore and at the gate of the resumed one")
def test_a_resumed_run_that_is_killed_again_waits_on_at_its_gate(office: Office) -> None:
    before = Before.look(office)
    run = killed(office, Point(StepName.PG_RESTORE, WHILE))
    with office.process():
        told(run)
        decide(run, RESUME, "ana")
        run.until(lambda: run.gates, "a gate", RESTORED_S)
    with office.process():
        run.vote(office["cho"])
        assert run.ended(RESTORED_S) == "succeeded", run.sentence
        run.closed("approved: approved by cho")
    assert (len(run.gates), len(run.log("interrupted"))) == (1, 1)
    before.assert_safe(run, restored=True)


@pytest.mark.fault("SIGKILL of the bot in a rollback, right after the names were exchanged")
def test_a_rollback_that_was_killed_is_gone_on_with(office: Office) -> None:
    before = Before.look(office)
    with office.process():
        restored = office.restore()
        restored.vote(office["ben"])
        assert restored.ended(RESTORED_S) == "succeeded", restored.sentence
    newer = office.site.databases()[DATABASE]
    run = killed(office, Point(StepName.SWAP_BACK, "rename"), "/rollback main")
    with office.process():
        assert f"application {office.site.application.name} is DOWN" in told(run)
        assert "you must be the person" in decide(run, RESUME, "dan")
        decide(run, RESUME, "ben")
        assert run.ended(RESTORED_S) == "succeeded", run.sentence
        run.announced("> Rollback of main: succeeded")
    assert office.site.databases()[rejected_name(DATABASE, run.id)] == newer
    before.assert_safe(run, restored=False)


@pytest.mark.fault("SIGKILL of the bot in a clean-up")
@pytest.mark.parametrize("moment", [BEFORE, "drop_database", AFTER])
def test_a_clean_up_that_was_killed_is_gone_on_with_and_asked_about_once(
    rough: Site, tmp_path: Path, moment: str
) -> None:
    office = Office(rough, tmp_path, {"grace": "1s"}, target={"keep_previous_for": "1s"})
    with office.server:
        with office.process():
            restored = office.restore()
            restored.vote(office["ben"])
            assert restored.ended(RESTORED_S) == "succeeded", restored.sentence
        serving = office.site.databases()[DATABASE]
        with office.process(Point(StepName.DROP_KEPT, moment)) as process:
            asked = office.until(lambda: office.log("clean-up"), "the question", RESTORED_S)
            run = Run(office, asked[0].run_id)
            run.until(lambda: run.gates, "a gate")
            run.vote(office["cho"])
            process.join(RESTORED_S)
            assert process.exitcode == -SIGKILL, run.sentence
        with office.process():
            told(run)
            decide(run, RESUME, "ben")
            assert run.ended() == "succeeded", run.sentence
    assert {draft.run_id for draft in office.log("clean-up")} == {run.id}
    assert len(run.gates) == 1
    assert set_aside_name(DATABASE, restored.id) not in office.site.databases()
    assert office.site.databases()[DATABASE] == serving
