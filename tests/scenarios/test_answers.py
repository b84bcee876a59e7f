"""What the other commands answer, on the real server: a page for one person, a row in the log."""

from __future__ import annotations

import pytest

from bot.core.permissions import COMMANDS, Who
from tests.scenarios.office import Office
from tests.scenarios.site import DUMP


@pytest.mark.parametrize(
    ("line", "text", "shown"),
    [
        ("/backups main", "1 backup of main", DUMP),
        ("/tshelp", "What you may do here", "/restore [backup|latest]"),
        ("/audit", "Audit log: ", "Audit log"),
        ("/tsstatus main", "main", "ecoanp"),
    ],
)
def test_everybody_in_the_channel_gets_an_answer_of_their_own(
    office: Office, line: str, text: str, shown: str
) -> None:
    channel = office.workspace.channel("ops")
    messages = len(channel.timeline())
    assert text in office.say("dan", line)
    assert shown in str(office["dan"].ephemerals("ops")[-1].blocks)
    row = office.log("command")[-1]
    assert (row.status, row.actor_name, row.arguments) == ("ok", "dan", line)
    assert len(channel.timeline()) == messages


def test_the_help_tells_people_what_they_may_not(office: Office) -> None:
    office.say("dan", "/tshelp")
    office.say("ana", "/tshelp")
    pages = [str(office[name].ephemerals("ops")[-1].blocks) for name in ("dan", "ana")]
    barred = sum(command.who is Who.REQUESTER for command in COMMANDS)
    assert [page.count("(not you)") for page in pages] == [barred, 0]


def test_a_dry_run_needs_nobody_and_changes_nothing(office: Office) -> None:
    before = office.site.databases()
    run = office.ask(f"/restore {DUMP} main dry-run")
    answer = office["ana"].ephemerals("ops")[-1].text
    assert answer == f"Preflight of the restore has begun: run {run.id}."
    assert run.ended() == "dry run"
    assert (run.gates, run.started) == ([], [])
    assert office.site.databases() == before
    assert run.announced("> Restore of main: dry run").text.startswith(f"<@{office['ana'].id}>")


def test_the_history_of_a_run_is_shown_to_whoever_asks(office: Office) -> None:
    run = office.ask(f"/restore {DUMP} main dry-run")
    run.ended()
    office.say("dan", f"/audit {run.id}")
    page = str(office["dan"].ephemerals("ops")[-1].blocks)
    assert f"{DUMP} main dry-run" in page
    assert "preflight" in page
