"""What the channel is told of a run whose process died."""

from __future__ import annotations

from bot.adapters.slack.blocks_interrupted import interrupted
from bot.core.events import RunInterrupted
from bot.core.models import Decision
from tests.core.run_samples import RUN, START

EVENT = RunInterrupted(
    run_id=RUN,
    at=START,
    sentence="tsbot died in the middle of “Restore the dump”.",
    findings=("application <!channel> is DOWN", "tsdb is the old database"),
    offers=(Decision.RESUME, Decision.ABANDON),
    wakes=("U0ANA", "S0DBA"),
)


def test_those_who_may_decide_are_woken_and_read_at_once_what_is_down() -> None:
    text = interrupted(EVENT).text
    assert text.startswith("<@U0ANA> <!subteam^S0DBA> run ")
    assert "is DOWN; tsdb is the old database." in text
    assert "<!channel>" not in text


def test_there_is_a_button_for_what_is_possible_and_for_nothing_else() -> None:
    [row] = [b for b in interrupted(EVENT).blocks if b["type"] == "actions"]
    assert [e["action_id"] for e in row["elements"]] == ["resume_run", "abandon_run"]
    assert {e["value"] for e in row["elements"]} == {RUN}
