"""A run is not taken up on the word of a log that somebody has changed."""

from pathlib import Path

import pytest

from bot.core.plan import StepName
from tests.adapters.audit import without_triggers
from tests.docker.crash import BEFORE, Point
from tests.docker.environment import Prepared
from tests.docker.killing import Killing
from tests.docker.tsbot import installed


@pytest.mark.parametrize("decision", ["resume", "undo"])
def test_an_interrupted_run_is_not_taken_up_from_a_changed_log(
    decision: str, prepared: Prepared, tmp_path: Path
) -> None:
    with installed(prepared, tmp_path) as made:
        killing = Killing.of(made.having(strategy="swap"), tmp_path, community=False)
        run_id = killing.kill(Point(StepName.CUT_OVER, BEFORE))
        options = ["--yes"] if decision == "resume" else []

        log = killing.installation.audit_path
        aside = "UPDATE entries SET output_tail = {} WHERE id = 2"
        without_triggers(log, aside.format("output_tail || 'x'"))
        code, printed = killing.tsbot("runs", decision, run_id, *options)
        assert (code != 0, "Entry 2 was changed" in printed) == (True, True), printed
        assert not killing.serves_restored()
        assert killing.installation.sides()

        without_triggers(log, aside.format("substr(output_tail, 1, length(output_tail) - 1)"))
        code, printed = killing.tsbot("runs", decision, run_id, *options)
        assert code == 0, printed
        killing.assert_safe(run_id, restored=decision == "resume")
