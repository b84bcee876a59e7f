"""python -m bot.sandbox.slack, as a separate process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import Person, Workspace
from bot.sandbox.slack.__main__ import main


def test_the_program_prints_its_address_serves_the_seed_and_ends_on_sigterm(
    tmp_path: Path,
) -> None:
    seed = tmp_path / "seed.json"
    people = {"users": [{"name": "kim"}], "channels": [{"name": "database"}]}
    seed.write_text(json.dumps(people))
    command = [sys.executable, "-m", "bot.sandbox.slack", "--state", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "not Slack" in line
        client = WebClient(token="xoxb-sandbox", base_url=line.split()[0])
        assert client.users_info(user="U0KIM")["user"]["name"] == "kim"
        assert client.chat_postMessage(channel="#database", text="hello")["ok"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


@pytest.mark.parametrize(
    "content", ["not json", '{"users": [{"nick": "x"}]}', '{"usergroups": [{"handle": "a"}]}']
)
def test_a_wrong_seed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(content)
    with pytest.raises(SystemExit):
        main(["--state", str(seed)])
    assert f"--state {seed}" in capsys.readouterr().err


def test_waiting_in_vain_ends_with_what_was_awaited_and_the_last_calls(
    workspace: Workspace, client: WebClient
) -> None:
    client.auth_test()
    with pytest.raises(TimeoutError, match=r"a miracle within 0.01 s.*auth\.test"):
        workspace.wait_for(lambda: False, timeout=0.01, what="a miracle")


def test_what_is_awaited_may_be_asked_of_the_server_itself(
    workspace: Workspace, client: WebClient, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="vote")["ts"]
    voter = threading.Timer(0.05, lambda: Person(workspace, "ben").react("x", ops, ts))
    voter.start()
    found = workspace.wait_for(
        lambda: client.reactions_get(channel=ops, timestamp=ts)["message"].get("reactions")
    )
    assert found[0]["users"] == [workspace.user("ben").id]
    voter.join()
