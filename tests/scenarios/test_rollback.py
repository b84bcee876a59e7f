"""Going back through Slack: the button, the gate, and the question at the end of the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.permissions import ROLL_BACK
from bot.core.plan import rejected_name, set_aside_name
from bot.core.rollback import ORDER
from tests.docker.sample import DATABASE
from tests.scenarios.office import Office
from tests.scenarios.run import RESTORED_S, VETO, Run
from tests.scenarios.site import DUMP, Site


@pytest.fixture(scope="module")
def place(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot of whose target nothing is kept but what these tests restore."""
    directory = tmp_path_factory.mktemp("rollback")
    office = Office(site, directory, {"grace": "1s"})
    with office.server, office.serving():
        yield office


@pytest.fixture(scope="module")
def restored(place: Office) -> Run:
    """A restore to go back from."""
    return swapped(place)


def swapped(office: Office) -> Run:
    run = office.ask(f"/restore {DUMP} main")
    run.until(lambda: run.gates, "a gate", RESTORED_S)
    run.approve(office["ben"])
    assert run.ended(RESTORED_S) in {"succeeded", "unverified"}, run.sentence
    return run


def press(office: Office, run: Run, by: str) -> str:
    """Press Roll back on a result and return the sentence that answers it."""
    result = run.announced("> Restore of main: ")
    return office.told(
        office[by], lambda: office[by].click(ROLL_BACK.action, "ops", result.ts, run.id)
    )


def test_nothing_kept_is_no_way_back(office: Office) -> None:
    run = office.ask(f"/restore {DUMP} main dry-run")
    run.ended()
    answer = office.say("ana", f"/rollback main {run.id}")
    assert "no kept database" in answer
    assert office.log("command")[-1].status == "refused"


def test_who_may_not_restore_may_not_go_back(place: Office, restored: Run) -> None:
    before = place.site.databases()
    assert "requesters' list" in press(place, restored, "dan")
    assert "requesters' list" in place.say("dan", "/rollback main")
    assert place.site.databases() == before


def test_the_button_asks_for_exactly_that_run_and_the_gate_follows(
    place: Office, restored: Run
) -> None:
    before = place.site.databases()
    kept = set_aside_name(DATABASE, restored.id)
    answer = press(place, restored, "ana")
    assert answer.startswith("The rollback has begun: run ")
    run = Run(place, answer.rstrip(".").rpartition(" ")[2])
    place.begun.append(run.id)
    run.until(lambda: run.gates, "a gate")
    assert place.site.databases() == before
    assert run.gate.text.startswith("ana wants to roll main back to what run ")
    assert "Would no longer be seen: everything written in the " in run.gate.text
    assert "PostgreSQL counted since" in str(run.gate.blocks)
    page = place.say("dan", "/tsstatus main")
    assert run.id in page
    assert kept in str(place["dan"].ephemerals("ops")[-1].blocks)
    assert run.refused(place["dan"]).endswith("list.")
    run.approve(place["ben"])
    assert run.ended(RESTORED_S) in {"succeeded", "unverified"}, run.sentence
    assert run.started == [name.value for name in ORDER]
    after = place.site.databases()
    assert after[DATABASE] == before[kept]
    assert after[rejected_name(DATABASE, run.id)] == before[DATABASE]
    assert f"/rollback main {run.id} brings it back" in run.sentence


def test_a_vetoed_rollback_changes_nothing(place: Office, restored: Run) -> None:
    before = place.site.databases()
    run = place.ask("/rollback main reason=no idea")
    run.until(lambda: run.gates, "a gate")
    assert "no idea" in str(run.gate.blocks)
    run.vote(place["ben"], VETO)
    assert run.ended() == "not approved"
    assert run.started == []
    assert place.site.databases() == before
    assert restored.outcome


def test_a_rollback_a_repair_and_a_restore_keep_each_other_out(
    place: Office, restored: Run
) -> None:
    lines = (f"/restore {DUMP} main", "/rollback main", "/repair main")
    for held in lines[:2]:
        run = place.ask(held)
        run.until(lambda run=run: run.gates, "a gate", RESTORED_S)  # type: ignore[misc]
        for line in lines:
            assert f"main is busy: run {run.id} of tsbot" in place.say("ana", line), line
            assert place.log("command")[-1].detail["code"] == "busy"
        run.vote(place["ben"], VETO)
        assert run.ended(RESTORED_S) == "not approved"


@pytest.fixture(scope="module")
def brief(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot that asks after four seconds already."""
    directory = tmp_path_factory.mktemp("brief")
    target = {"keep_previous_for": "4s"}
    office = Office(site, directory, {"grace": "1s"}, target=target)
    with office.server, office.serving():
        yield office


def questions(office: Office) -> list[Run]:
    """The runs in which the bot asked whether it may drop something."""
    asked = [d for d in office.log("clean-up") if d.detail.get("event") == "RunRequested"]
    return [Run(office, d.run_id) for d in asked]


def question(office: Office, number: int) -> Run:
    run = office.until(lambda: questions(office)[number - 1 :], f"question {number}")[0]
    run.until(lambda: run.gates, "its gate")
    return run


def test_at_the_end_of_its_time_a_database_is_dropped_with_an_approval_and_not_without(
    brief: Office,
) -> None:
    kept = set_aside_name(DATABASE, swapped(brief).id)
    asked = question(brief, 1)
    assert asked.gate.text.startswith("tsbot wants to drop the kept database of main")
    assert kept in brief.site.databases()

    # a person who needs the target does not wait for the answer
    person = brief.ask("/rollback main")
    person.until(lambda: person.gates, "a gate")
    assert asked.outcome == "cancelled"
    person.vote(brief["ben"], VETO)
    person.ended()

    again = question(brief, 2)
    waited = again.log("clean-up")[0].detail["at"], asked.log("clean-up")[0].detail["at"]
    assert waited[0] > waited[1]  # type: ignore[operator]
    again.vote(brief["ben"], VETO)
    assert again.ended() == "not approved"
    assert kept in brief.site.databases()

    last = question(brief, 3)
    before = brief.site.databases()
    last.approve(brief["cho"])
    assert last.ended() == "succeeded", last.sentence
    assert last.started == ["drop_kept"]
    assert brief.site.databases() == {n: o for n, o in before.items() if n != kept}


def test_a_rollback_at_its_gate_outlives_the_process_and_is_then_carried_out(
    site: Site, tmp_path: Path
) -> None:
    office = Office(site, tmp_path, {"grace": "1s"}, target={"strategy": "swap"})
    with office.server:
        with office.process():
            restored = swapped(office)
            run = office.ask("/rollback main")
            run.until(lambda: run.gates, "a gate")
        kept = office.site.databases()[set_aside_name(DATABASE, restored.id)]
        with office.process():
            run.approve(office["cho"])
            assert run.ended(RESTORED_S) in {"succeeded", "unverified"}, run.sentence
    assert (len(run.gates), run.verdicts) == (1, ["approved"])
    assert office.site.databases()[DATABASE] == kept
