"""Restores to the end, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise, takewhile

import pytest

from bot.adapters.slack.pending import Pace
from bot.core.audit import Phase
from bot.core.models import Strategy
from bot.core.plan import ORDER, SPECS
from tests.adapters.slack.rendering import seen
from tests.docker.sample import DATABASE
from tests.scenarios.office import Office
from tests.scenarios.run import RESTORED_S, Run
from tests.scenarios.site import Site

BEFORE_THE_GATE = tuple(takewhile(lambda n: not SPECS[n].destructive, ORDER[Strategy.SWAP]))
DOWN_S = 20.0
"""Far longer than a cut-over takes, far shorter than people notice that a restore is long."""


@pytest.fixture(scope="module")
def usual(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot at its usual pace that is quick to see that Slack is back."""
    office = Office(
        site, tmp_path_factory.mktemp("restore"), {"grace": "1s"}, Pace(longest_wait=2.0)
    )
    with office.server, office.serving():
        yield office


@pytest.fixture(scope="module")
def asked(usual: Office) -> Run:
    """A restore whose copy is there and compared, waiting for approvers."""
    return usual.restore(options="reason=disk broke")


@pytest.fixture(scope="module")
def restored(usual: Office, asked: Run) -> Run:
    """The same to its end."""
    asked.approve(usual["ben"])
    asked.ended(RESTORED_S)
    return asked


def test_approvers_hear_at_the_start_that_they_will_be_needed(asked: Run) -> None:
    heads_up = asked.announced("You will be asked here once the copy is compared.")
    assert heads_up.text.startswith(f"<!subteam^{asked.office.workspace.usergroup('dba').id}> run ")
    assert float(heads_up.ts) < float(asked.gate.ts)


def test_approvers_vote_on_the_compared_copy_while_the_old_database_serves(asked: Run) -> None:
    site = asked.office.site
    assert asked.started == [name.value for name in BEFORE_THE_GATE]
    plans = list(asked.log("plan"))
    lines = plans[-1].detail["plan"]["evidence"]["lines"]  # type: ignore[index]
    assert lines[0] in seen(asked.gate.blocks)
    assert plans[-1].digest != plans[0].digest
    assert {DATABASE, f"{DATABASE}_restore_{asked.id}"} <= site.databases().keys()
    site.application.reload()
    assert site.application.status == "running"
    assert site.database.rows(DATABASE, "SELECT count(*) > 0 FROM influx_data") == [(True,)]


def test_a_restore_asked_for_and_approved_in_slack_ends_well(restored: Run) -> None:
    assert restored.outcome == "succeeded", restored.sentence
    assert f"{DATABASE}_before_{restored.id}" in restored.office.site.databases()
    assert restored.started == [name.value for name in ORDER[Strategy.SWAP]]


def test_applications_are_down_for_the_cut_over_only(restored: Run) -> None:
    application = restored.office.site.application
    application.reload()
    state = application.attrs["State"]
    down, up = (datetime.fromisoformat(state[key]) for key in ("FinishedAt", "StartedAt"))
    assert (state["Status"], 0 < (up - down).total_seconds() < DOWN_S) == ("running", True)
    assert down.timestamp() > float(restored.gate.ts)


def test_the_result_offers_the_way_back(restored: Run) -> None:
    assert "Roll back" in str(restored.announced("> Restore of main: succeeded").blocks)


def test_each_step_is_logged_before_and_after(restored: Run) -> None:
    steps = [d for d in restored.log() if d.action in set(SPECS)]
    phases = [(d.action, d.phase) for d in steps]
    for name in ORDER[Strategy.SWAP]:
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
    titles = [SPECS[name].title for name in ORDER[Strategy.SWAP]]
    assert [title for title in titles if title not in str(card.blocks)] == []
