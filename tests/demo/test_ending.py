"""However the demo is ended, and whenever: nothing runs on, and nothing is left behind."""

import json
import signal
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.demo.process import Demo, demo, until, without_proxies

WATCHDOG_S = 20.0
Ending = Callable[[Demo], None]
INTERRUPTED = 130


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in without_proxies().items():
        monkeypatch.setenv(name, value)


def terminate(running: Demo) -> None:
    running.signal(signal.SIGTERM)


def interrupt_twice(running: Demo) -> None:
    running.interrupt()
    running.interrupt()


MOMENTS: dict[str, tuple[str, Ending]] = {
    "Ctrl-C before there is a server": (r"below", Demo.interrupt),
    "Ctrl-C while data is dumped": (r"sample data", Demo.interrupt),
    "Ctrl-C twice while the bot starts": (r"two applications", interrupt_twice),
    "SIGTERM at the gate": (r"ben reads", terminate),
    "Ctrl-C during the restore": (r"step 6 .*", Demo.interrupt),
    "SIGTERM during the cut-over": (r"step 2 .*", terminate),
    "the terminal's end": (r"step 12 .*", lambda it: it.signal(signal.SIGHUP)),
    "Ctrl-C during the rollback": (r" Swap back: .*", Demo.interrupt),
}


def test_at_any_moment_it_ends_without_a_trace_and_says_so() -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(end_without_a_trace, MOMENTS))


def end_without_a_trace(moment: str) -> None:
    said, ending = MOMENTS[moment]
    with demo() as running:
        running.wait_for(said)
        ending(running)
        assert running.end() == INTERRUPTED, (moment, running.said)
        assert running.said.endswith("\nStopped; nothing is left running.\n"), moment
        assert "Traceback" not in running.said, (moment, running.said)
        assert running.running() == [], moment
        assert not running.home.exists(), moment


def test_killed_outright_nothing_runs_on() -> None:
    with demo() as running:
        home = running.home
        running.wait_for(r"step 6 .*")
        running.signal(signal.SIGKILL)
        assert running.end() == -signal.SIGKILL
        until(lambda: running.running() == [], WATCHDOG_S)
    assert home.exists()
    with demo() as again:
        assert again.home.exists()
        assert not home.exists(), "the next demo clears up what a killed one left"


def control(running: Demo, verb: str, **arguments: object) -> Any:
    """Act on the page, as its own script does."""
    request = urllib.request.Request(
        f"{running.page}control/{verb}",
        json.dumps(arguments).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]


def test_the_page_answers_and_is_played_with_until_ctrl_c_and_the_exit_code_is_the_storys() -> None:
    with demo() as running:
        running.wait_for(r"stays open at http.* until Ctrl-C")
        with urllib.request.urlopen(running.page, timeout=10) as page:
            assert "text/html" in page.headers["Content-Type"]
            assert b"stand-in" in page.read().lower()
        port = running.page.rstrip("/").rpartition(":")[2]
        with demo("--port", port) as second:
            assert second.end() == 1
            last = second.said.splitlines()[-1]
        assert last.startswith(f"tsbot: port {port} cannot be used (address already in use)")
        assert "Traceback" not in second.said
        control(running, "command", **{"as": "ana", "line": "/tsstatus", "channel": "ops"})
        running.interrupt()
        assert running.end() == 0
        assert running.running() == []
        assert not running.home.exists()


def test_a_restore_that_was_not_approved_ends_with_1() -> None:
    with demo("--once") as running:
        running.wait_for(r"ben reads")
        [gate] = [m for m in control(running, "messages", channel="ops") if is_gate(m)]
        vote = {"as": "cho", "emoji": "x", "channel": "ops", "ts": gate["ts"]}
        control(running, "react", **vote)
        assert running.end() == 1, running.said
        assert "Voted        ben (approve), cho (veto)" in running.said
        assert running.running() == []


def is_gate(message: dict[str, Any]) -> bool:
    """The message that people vote on has both answers put below it."""
    offered = {reaction["name"] for reaction in message.get("reactions", [])}
    return {"white_check_mark", "x"} <= offered
