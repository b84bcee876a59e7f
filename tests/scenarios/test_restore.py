"""Restores to the end, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from bot.adapters.slack.pending import Pace
from bot.core.audit import Phase
from bot.core.models import Strategy
from bot.core.plan import ORDER, SPECS
from tests.scenarios.office import Office
from tests.scenarios.run import Run
from tests.scenarios.site import Site

RESTORED_S = 90.0


@pytest.fixture(scope="module")
def usual(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot at its usual pace that is quick to see that Slack is back."""
    office = Office(
        site, tmp_path_factory.mktemp("restore"), {"grace": "1s"}, Pace(longest_wait=2.0)
    )
    with office.server, office.serving():
        yield office


@pytest.fixture(scope="module")
def restored(usual: Office) -> Run:
    """A restore from the command to the end."""
    run = usual.restore(options="reason=disk broke")
    run.approve(usual["ben"])
    run.ended(RESTORED_S)
    return run


def test_a_restore_asked_for_and_approved_in_slack_ends_well(restored: Run) -> None:
    assert restored.outcome == "succeeded", restored.sentence
    assert f"ecoanp_before_{restored.id}" in restored.office.site.databases()
    assert restored.started == [name.value for name in ORDER[Strategy.IN_PLACE]]


def test_each_step_is_logged_before_and_after(restored: Run) -> None:
    steps = [d for d in restored.log() if d.action in set(SPECS)]
    phases = [(d.action, d.phase) for d in steps]
    for name in ORDER[Strategy.IN_PLACE]:
        intent, outcome = (name.value, Phase.INTENT), (name.value, Phase.OUTCOME)
        assert phases.index(intent) < phases.index(outcome)
    assert {d.status for d in steps if d.phase is Phase.OUTCOME} == {"ok"}


def test_the_result_mentions_the_requester(restored: Run) -> None:
    result = restored.announced("> Restore of main: succeeded")
    assert result.text.startswith(f"<@{restored.office['ana'].id}> ")


def test_progress_is_one_message_edited_at_most_every_two_seconds(restored: Run) -> None:
    card = restored.card()
    restored.office.until(lambda: "succeeded" in card.text, "the last paint")
    updates = [
        c.at for c in restored.office.workspace.calls("chat.update") if c.args["ts"] == card.ts
    ]
    assert card.edits == len(updates) >= 2
    assert min(b - a for a, b in pairwise(updates)) > 1.9
    titles = [SPECS[name].title for name in ORDER[Strategy.IN_PLACE]]
    assert [title for title in titles if title not in str(card.blocks)] == []


def test_a_run_past_its_gate_does_not_need_slack(usual: Office, restored: Run) -> None:
    run = usual.restore()
    usual.until(lambda: run.log("card"), "a card")
    run.approve(usual["cho"])
    run.until(lambda: run.started, "the first step")
    usual.workspace.faults.dead = True
    usual.server.sever()
    edits = run.card().edits
    assert run.ended(RESTORED_S) == "succeeded", run.sentence
    assert "succeeded" not in run.card().text
    usual.workspace.faults.dead = False
    usual.until(lambda: "succeeded" in run.card().text, "a card painted again", 60)
    run.announced("> Restore of main: succeeded")
    assert run.card().edits > edits
