"""Wrong input: one sentence for the one who typed it, one row in the log, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.core.audit import Draft
from bot.core.permissions import COMMANDS
from tests.scenarios.office import Office
from tests.scenarios.site import DUMP


@pytest.fixture
def _unchanged(office: Office) -> Iterator[None]:
    """No run, no database, no message for everybody."""
    before = office.site.databases()
    runs, messages = len(office.log("restore")), posted(office)
    yield
    assert office.site.databases() == before
    assert len(office.log("restore")) == runs
    assert posted(office) == messages


def posted(office: Office) -> int:
    """Count cards and gates; what the channel hears late of an earlier run hangs on its card."""
    with office.workspace.lock:
        timeline = office.workspace.channel("ops").timeline()
        return sum(message.thread_ts is None for message in timeline)


def last_command(office: Office) -> Draft:
    return office.log("command")[-1]


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize(
    ("line", "sentence", "code"),
    [
        ("/restore", "Name a backup, or write ", "no_backup"),
        ("/restore smaple.dump main", "Did you mean sample.dump?", "unknown_backup"),
        ("/restore nosuch main", "There is no backup “nosuch” on main.", "unknown_backup"),
        ("/restore ../sample.dump main", "no backup “../sample.dump”", "unknown_backup"),
        ("/restore /backup/sample.dump main", "no backup “/backup/", "unknown_backup"),
        ("/restore sample.dump/../../etc/passwd main", "There is no backup", "unknown_backup"),
        ("/restore sample.dump", "Name the target, one of: main, ", "which_target"),
        ("/restore sample.dump mian", "no target “mian”; did you mean main?", "unknown_target"),
        ("/restore sample.dump main now", "I don't know what “now” is", "too_many_words"),
        ('/restore "sample.dump main', "A quote is left open", "open_quote"),
        ("/restore " + "x" * 501, "500 is the most", "too_long"),
        ("/refresh", "Name a continuous aggregate", "no_view"),
        ("/refresh nosuch main", "nosuch", "unknown_view"),
        ("/refresh all main from=yesterdayish", "yesterdayish", ""),
        ("/runjob", "Name a job by its number", "no_job"),
        ("/runjob refresh main", "“refresh” is no job's number", "no_number"),
        ("/runjob 1000 main now", "I don't know what “now” is", "too_many_words"),
        ("/runjob 4711 main", "There is no job 4711 of yours; there is: none.", "unknown_job"),
        ("/tsstatus prod", "There is no target “prod”", "unknown_target"),
        ("/backups main nobase", "I don't know what “nobase” is", "too_many_words"),
        ("/audit since=whenever", "whenever", ""),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    office: Office, line: str, sentence: str, code: str
) -> None:
    assert sentence in office.say("ana", line)
    row = last_command(office)
    assert (row.status, row.actor_id, row.arguments) == ("refused", office["ana"].id, line)
    assert row.detail["code"] == code or not code


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize(
    "command", ["/restore sample.dump main", "/refresh all main", "/runjob 1000 main"]
)
def test_somebody_who_may_not_is_refused(office: Office, command: str) -> None:
    name = command.split()[0]
    assert office.say("dan", command) == (f"To use {name} you must be on the requesters' list.")
    row = last_command(office)
    assert (row.status, row.detail["code"], row.actor_name) == ("refused", "not_allowed", "dan")


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize("command", [spec.name for spec in COMMANDS])
def test_commands_are_not_taken_in_another_channel(office: Office, command: str) -> None:
    answer = office.say("ana", f"{command} sample.dump main", channel="random")
    assert answer == f"Commands are not taken here. Use <#{office.workspace.channel('ops').id}>."
    row = last_command(office)
    assert (row.status, row.detail["code"]) == ("refused", "wrong_channel")
    assert row.channel == office.workspace.channel("random").id


@pytest.mark.usefixtures("_unchanged")
def test_a_requester_who_was_made_a_guest_is_refused(office: Office) -> None:
    office["ben"].user.is_restricted = True
    try:
        answer = office.say("ben", "/restore sample.dump main")
    finally:
        office["ben"].user.is_restricted = False
    assert answer == "Only full members of this workspace may use /restore."


def test_a_second_restore_while_one_runs_is_refused(office: Office) -> None:
    run = office.restore()
    assert run.id in office.say("ben", "/restore sample.dump main")
    assert (last_command(office).status, last_command(office).actor_name) == ("refused", "ben")
    assert run.outcome == ""
    assert len(office.log("restore", run.id)) == 1


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize("line", ["/restore sample.dump nobase", "/refresh all nobase"])
def test_a_database_that_is_down_is_named(office: Office, line: str) -> None:
    answer = office.say("ana", line)
    assert "That could not be done: " in answer
    assert "127.0.0.1" in answer or "refused" in answer
    assert f"Container {office.site.database.name} is running: see its log" in answer
    assert last_command(office).status == "failed"


def test_a_restore_of_the_latest_dump_of_a_database_that_is_down_says_what_to_do(
    office: Office,
) -> None:
    run = office.ask("/restore latest nobase dry-run")
    assert run.ended() == "refused"
    assert f"Container {office.site.database.name} is running: see its log" in run.sentence
    assert run.sentence.endswith("says more. Nothing was changed.")


def test_a_restore_does_not_begin_while_slack_cannot_say_who_may_approve(office: Office) -> None:
    runs = len(office.log("restore"))
    office.workspace.faults.fail("usergroups.users.list", times=None)
    assert "That could not be done: Slack" in office.say("ana", "/restore sample.dump main")
    assert last_command(office).status == "failed"
    assert len(office.log("restore")) == runs
    office.workspace.faults.clear()
    assert office.restore().outcome == ""


def test_the_status_of_a_database_that_is_down_is_an_answer(office: Office) -> None:
    answer = office.say("ana", "/tsstatus nobase")
    assert "internal error" not in answer


def test_an_engine_that_is_down_ends_the_run_before_anything_changed(office: Office) -> None:
    before = office.site.databases()
    run = office.ask("/restore sample.dump noengine")
    assert run.ended() == "refused"
    assert "Docker engine: " in run.sentence
    assert run.sentence.endswith("Nothing was changed.")
    assert (run.gates, run.started) == ([], [])
    assert office.site.databases() == before
    result = run.announced("> Restore of noengine: refused")
    assert result.text.startswith(f"<@{office['ana'].id}> ")


def test_one_command_delivered_twice_begins_one_run(office: Office) -> None:
    office.workspace.faults.duplicate("slash_commands")
    run = office.restore()
    delivery = next(
        d for d in reversed(office.workspace.deliveries.records) if d.kind == "slash_commands"
    )
    again = office.workspace.deliveries.redeliver(delivery)
    assert office.workspace.deliveries.wait_for_ack(again)
    commands = [d for d in office.log("command") if DUMP in d.arguments]
    office.say("ana", "/tshelp")
    assert len([d for d in office.log("command") if DUMP in d.arguments]) == len(commands)
    asked = [d for d in office.log("restore") if d.run_id == run.id]
    assert (len(asked), commands[-1].status) == (1, "ok")


def test_one_click_delivered_twice_acts_once(office: Office) -> None:
    run = office.restore()
    office.until(lambda: run.log("card"), "a card")
    office.workspace.faults.duplicate("interactive")
    office["ana"].click("cancel_run", "ops", run.card().ts, run.id)
    assert run.ended() == "cancelled"
    office.say("ana", "/tshelp")
    assert len(run.log("command")) == 1
