"""`tsbot demo --once` from beginning to end: as root, as nobody, twice at the same time."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox.demo.world import GRACE
from tests.demo.process import SOURCE, Demo, demo, other_user, owner

MOST_S = 60.0
POINTS = (
    "timescaledb.restoring is off",
    "background workers are running",
    "every job has a next start",
    "continuous aggregates hold data",
    "applications are running",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Demo, float, str]]:
    """Two at the same time: ours with an odd TMPDIR, and an ordinary user's without a home."""
    odd = tmp_path_factory.mktemp("d") / ("deep " * 9).strip() / "ünlich $HOME;'\"" / ("x" * 90)
    odd.mkdir(parents=True)
    started = time.monotonic()
    with (
        demo("--once", TMPDIR=str(odd)) as mine,
        demo("--once", user=other_user(), HOME="/nonexistent") as theirs,
    ):
        whose = owner(theirs.home)
        mine.end()
        theirs.end()
        yield mine, theirs, time.monotonic() - started, whose
    assert list(odd.iterdir()) == []


@pytest.fixture(params=[0, 1], ids=["ours", "an ordinary user's"])
def once(request: pytest.FixtureRequest, both: tuple[Demo, Demo, float, str]) -> Demo:
    return both[:2][request.param]


def test_it_ends_well_after_a_green_checklist(once: Demo) -> None:
    assert once.end() == 0, once.said
    assert all(f"[ok] {point}: " in once.said for point in POINTS), once.said
    assert "[NO]" not in once.said
    assert re.search(r"^SUCCEEDED in [\d.]+ s: .* all points green", once.said, re.MULTILINE)


def test_it_prints_who_asked_who_approved_and_what_was_done(once: Demo) -> None:
    assert "ana types: /restore latest" in once.said
    assert "ben reads the approval message" in once.said
    assert re.search(r"^Asked by +ana$", once.said, re.MULTILINE)
    assert re.search(r"^Voted +ben \(approve\)$", once.said, re.MULTILINE)
    assert re.search(r"^Outcome +succeeded: ecoanp is restored", once.said, re.MULTILINE)
    steps = [int(n) for n in re.findall(r"^\d\d:\d\d:\d\d step (\d+) ", once.said, re.MULTILINE)]
    assert sorted(steps) == list(range(1, 13))
    assert once.said.count(" done in ") == 14


def test_the_audit_trail_holds_each_intent_before_its_outcome_in_an_intact_chain(
    once: Demo,
) -> None:
    trail = re.findall(r"^ +\d+  \d\d:\d\d:\d\d  (\w+) +(.+)$", once.said, re.MULTILINE)
    for step in ("gate", "stop_applications", "pg_restore", "cut_over", "restart", "checklist"):
        intent, outcome = (
            next(n for n, (_, what) in enumerate(trail) if what.startswith(f"{step} {phase}"))
            for phase in ("intent", "outcome")
        )
        assert intent < outcome
    assert trail[0] == ("ana", "restore intent")
    assert ("ben", "vote note approve") in trail
    assert "entries is intact" in once.said


def test_it_says_plainly_what_is_a_stand_in(once: Demo) -> None:
    head = once.said.split("Setting up:")[0]
    assert "tsbot itself, restoring a real PostgreSQL" in head
    assert re.search(
        r"stand-ins\s.*Slack workspace, the Docker engine,\s+and TimescaleDB", head, re.S
    )


def test_nothing_runs_and_nothing_is_left_behind(once: Demo) -> None:
    assert once.running() == []
    assert not once.home.exists()


def test_two_at_the_same_time_are_apart_and_together_within_a_minute(
    both: tuple[Demo, Demo, float, str],
) -> None:
    mine, theirs, seconds, whose = both
    assert mine.home != theirs.home
    assert mine.page != theirs.page
    assert GRACE < seconds < MOST_S
    assert whose == ("nobody" if other_user() else owner(Path.home()))


def test_a_reader_who_has_seen_enough_causes_no_traceback() -> None:
    command = '"$0" -m bot demo --once | head -n 5'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=SOURCE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MOST_S,
    )
    assert done.stdout.count("\n") == 5
    assert done.stderr == ""
