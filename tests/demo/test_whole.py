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

MOST_S = 75.0
MOST_MISSED_S = 5.0
RESTORE_STEPS = [3, 4, 5, 6, 7, 11, 1, 2, 12, 9, 10]
ROLLBACK_STEPS = [1, 12, 9]
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


def test_it_ends_well_after_two_green_checklists(once: Demo) -> None:
    assert once.end() == 0, once.said
    assert [once.said.count(f"[ok] {point}: ") for point in POINTS] == [2] * 5, once.said
    assert "[NO]" not in once.said
    ends = re.findall(r"^SUCCEEDED in [\d.]+ s: (.*), all points green", once.said, re.MULTILINE)
    assert ends[0] == "ecoanp is restored"
    assert re.fullmatch(r"ecoanp is again what was kept as ecoanp_before_[0-9a-f]{8}", ends[1])


def test_preflight_has_nothing_to_warn_of_but_the_truncated_dump_and_a_possible_restart(
    once: Demo,
) -> None:
    assert "[!!]" not in once.said
    restored = once.said.split("types: /rollback")[0]
    warned = re.findall(r"^  warning   (.{12})", restored, re.MULTILINE)
    assert warned == ["If Timescale", "skipped: eco"]


def test_it_prints_who_asked_who_approved_and_what_was_done(once: Demo) -> None:
    assert "ana types: /restore latest" in once.said
    assert "ana types: /rollback" in once.said
    assert once.said.count("ben reads the approval message") == 2
    asked = re.findall(r"^Asked by +(.+)$", once.said, re.MULTILINE)
    assert asked == ["ana, restore", "ana, rollback"]
    assert re.findall(r"^Voted +(.+)$", once.said, re.MULTILINE) == ["ben (approve)"] * 2
    steps = [int(n) for n in re.findall(r"^\d\d:\d\d:\d\d step (\d+) ", once.said, re.MULTILINE)]
    assert steps == RESTORE_STEPS + ROLLBACK_STEPS
    assert once.said.count("  Swap back: ") == 1


def test_approvers_are_told_at_the_start_and_vote_on_what_the_copy_was_found_to_be(
    once: Demo,
) -> None:
    told = ("The approvers are told now", "step 3 ", "[ok] rows: ", "\n  copy      ", "ben reads")
    said = [once.said.index(each) for each in (*told, "step 1 ")]
    assert said == sorted(said)
    assert once.said.count("\n  holds     ") == 2, "the second plan is what is new in it"


def test_what_the_reader_missed_is_measured_and_little(once: Demo) -> None:
    missed = [float(s) for s in re.findall(r"^Downtime .* read for ([\d.]+) s", once.said, re.M)]
    assert len(missed) == 2
    assert all(0 < seconds <= MOST_MISSED_S for seconds in missed), missed
    apart = re.findall(r"never more than ([\d.]+) s apart", once.said)
    assert len(apart) == 2
    assert max(map(float, apart)) < min(missed), "until the cut-over it read as always"


def test_the_rollback_shows_the_rows_that_were_written_since_the_cut_over(once: Demo) -> None:
    rolled_back = once.said.split("types: /rollback")[1]
    later = re.search(
        r"Rows of hypertables with a time after .*: public.influx_data (\d+)", rolled_back
    )
    assert later is not None
    assert int(later.group(1)) >= 5


def test_the_audit_trail_holds_each_intent_before_its_outcome_in_an_intact_chain(
    once: Demo,
) -> None:
    trail = re.findall(r"^ +\d+  \d\d:\d\d:\d\d  (\w+) +(.+)$", once.said, re.MULTILINE)
    for step in ("gate", "stop_applications", "pg_restore", "cut_over", "checklist", "swap_back"):
        intent, outcome = (
            next(n for n, (_, what) in enumerate(trail) if what.startswith(f"{step} {phase}"))
            for phase in ("intent", "outcome")
        )
        assert intent < outcome
    assert trail[0] == ("ana", "restore intent")
    assert ("ana", "rollback intent") in trail
    assert trail.count(("ben", "vote note approve")) == 2
    assert "entries is intact" in once.said


def test_it_says_plainly_what_is_a_stand_in(once: Demo) -> None:
    head = once.said.split("Setting up:")[0]
    assert "tsbot itself, restoring a real PostgreSQL" in head
    assert re.search(
        r"stand-ins\s.*Slack workspace, the\s+Docker engine, and TimescaleDB", head, re.S
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
