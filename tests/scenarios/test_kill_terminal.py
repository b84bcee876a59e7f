"""kill -9 of a restore on the command line while the bot is at work: the channel hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from signal import SIGKILL

import pytest

from bot.core.models import Decision
from bot.core.plan import StepName
from tests.docker.crash import AFTER, BEFORE, WHILE, Point
from tests.scenarios.aftermath import Before
from tests.scenarios.office import Office
from tests.scenarios.run import RESTORED_S, Run
from tests.scenarios.site import DUMP, Site
from tests.scenarios.test_kill import decide, told

RESUME, UNDO = Decision.RESUME, Decision.UNDO
FAULT = "SIGKILL of a restore on the command line"


@pytest.fixture(scope="module")
def office(rough: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot that is at work all the time."""
    office = Office(rough, tmp_path_factory.mktemp("terminal"), {"grace": "1s"})
    with office.server, office.process():
        yield office


@pytest.fixture(autouse=True)
def _tidy(office: Office) -> Iterator[None]:
    yield
    office.site.tidy()


def killed(office: Office, point: Point, *options: str) -> Run:
    """Let somebody at the terminal restore, approved there, until the process kills itself."""
    process = office.tsbot("restore", DUMP, "--target", "main", "--yes", *options, point=point)
    process.join(RESTORED_S)
    assert process.exitcode == -SIGKILL, office.outputs[-1].read_text()
    return Run(office, office.log("restore")[-1].run_id)


@pytest.mark.fault(FAULT)
def test_applications_left_down_by_a_dead_terminal_are_told_of_and_started_from_the_channel(
    office: Office,
) -> None:
    before = Before.look(office)
    run = killed(office, Point(StepName.STOP_APPLICATIONS, AFTER), "--strategy", "in-place")
    assert office.site.running() == (False, False)
    assert f"application {office.site.application.name} is DOWN" in told(run)
    assert "or on the approvers' list" in decide(run, UNDO, "ana")
    decide(run, UNDO, "ben")
    assert run.ended(RESTORED_S) == "cancelled", run.sentence
    run.announced("Restore of main: cancelled")
    before.assert_safe(run, restored=False)


@pytest.mark.fault(FAULT)
def test_what_a_dead_terminal_has_begun_is_gone_on_with_once_approvers_in_the_channel_agree(
    office: Office,
) -> None:
    before = Before.look(office)
    run = killed(office, Point(StepName.PG_RESTORE, WHILE))
    assert f"{office.site.application.name} is DOWN" not in told(run)
    decide(run, RESUME, "cho")
    run.until(lambda: run.gates, "a gate", RESTORED_S)
    run.vote(office["ben"])
    assert run.ended(RESTORED_S) == "succeeded", run.sentence
    run.announced("Restore of main: succeeded")
    before.assert_safe(run, restored=True)


@pytest.mark.fault(FAULT)
def test_a_dead_terminal_that_had_changed_nothing_frees_its_target_by_itself(
    office: Office,
) -> None:
    before = Before.look(office)
    run = killed(office, Point(StepName.PREFLIGHT, BEFORE))
    assert run.ended() == "interrupted"
    assert run.sentence == "tsbot ended before anything was changed; ask again."
    run.announced("Restore of main: interrupted")
    before.assert_safe(run, restored=False)
