"""Which databases were set aside, as the log has it, and which of them somebody means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Phase
from bot.core.errors import Refused
from bot.core.journal import Journal
from bot.core.kept import (
    Exchange,
    Kept,
    came_to_serve,
    choose_kept,
    exchanges,
    left_overs,
    target_of,
)
from bot.core.models import Facts
from bot.core.plan import MAX_NAME, StepName, rejected_name, set_aside_name, side_name
from bot.core.writes import Written
from tests.adapters.audit import SteppingClock
from tests.core.run_samples import LIVE, START, after

FIRST, SECOND = "11111111", "22222222"
CUT_OVER, SWAP_BACK = StepName.CUT_OVER, StepName.SWAP_BACK


class Log:
    """A real log, and what runs write into it."""

    def __init__(self, path: Path) -> None:
        self.store = AuditStore(path, SteppingClock())

    def begun(self, step: StepName, run: str, seconds: float = 0, **facts: object) -> None:
        at = after(seconds)
        self._record(ev.StepStarted(run_id=run, at=at, step=step, intent="", facts=facts))

    def done(self, step: StepName, run: str, **facts: object) -> None:
        told: Facts = facts
        self._record(
            ev.StepFinished(run_id=run, at=START, step=step, summary="", seconds=1, facts=told)
        )

    def _record(self, event: ev.Event) -> None:
        nobody: Any = SimpleNamespace(show=lambda _: None)
        base = Draft("", Phase.NOTE, target="demo", channel="C0OPS")
        Journal(self.store.log, nobody, base, SteppingClock()).record(event)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "audit.db")
    yield made
    made.store.close()


def kept(run: str, hours: float, size: int = 1024) -> Kept:
    at = START - timedelta(hours=hours)
    name = set_aside_name("tsdb", run)
    exchange = Exchange(run, CUT_OVER, at, "C0OPS", LIVE.oid, name, 2)
    return Kept(exchange, replace(LIVE, name=name, allows_connections=False, size=size))


def test_what_a_restore_sets_aside_is_known_before_it_is_done(log: Log) -> None:
    written = {"public.metrics": [5, 1, 0]}
    log.begun(
        CUT_OVER, FIRST, 3, oid=1, set_aside="old", side_oid=2, retention=["j"], written=written
    )
    [found] = exchanges(log.store.log, "demo")
    assert found == Exchange(
        FIRST,
        CUT_OVER,
        after(3),
        "C0OPS",
        1,
        "old",
        2,
        ("j",),
        {"public.metrics": Written(5, 1, 0)},
    )
    assert exchanges(log.store.log, "other") == ()


def test_the_newest_change_of_place_comes_first_whichever_step_made_it(log: Log) -> None:
    log.begun(CUT_OVER, FIRST, 1, oid=1, set_aside="old", side_oid=2)
    log.begun(SWAP_BACK, SECOND, 9, oid=2, set_aside="rejected", side_oid=1)
    log.done(SWAP_BACK, SECOND, written={"t": [1, 2, 3]})
    found = exchanges(log.store.log, "demo")
    assert [e.run_id for e in found] == [SECOND, FIRST]
    back = came_to_serve(found, 1)
    assert back is not None
    assert (back.run_id, back.written) == (SECOND, {"t": Written(1, 2, 3)})
    assert came_to_serve(found, 77) is None


def test_a_log_from_before_such_facts_were_written_says_that_they_are_unknown(log: Log) -> None:
    log.begun(CUT_OVER, FIRST, oid=1, set_aside="old", side_oid=2)
    [found] = exchanges(log.store.log, "demo")
    assert (found.retention, found.written) == (None, None)


def test_a_run_names_its_target_and_an_unknown_one_names_none(log: Log) -> None:
    log.begun(CUT_OVER, FIRST)
    assert target_of(log.store.log, FIRST) == "demo"
    assert target_of(log.store.log, SECOND) == target_of(log.store.log, "") == ""
    assert target_of(log.store.log, FIRST[:4]) == ""


def test_without_a_run_the_newest_is_meant() -> None:
    newest, older = kept(SECOND, 1), kept(FIRST, 30)
    assert choose_kept([newest, older], "demo", "", START) is newest
    assert choose_kept([newest, older], "demo", FIRST, START) is older


def test_a_run_that_keeps_nothing_is_answered_with_those_that_do() -> None:
    there = [kept(SECOND, 1), kept(FIRST, 30, size=5 * 1024**3)]
    with pytest.raises(Refused) as caught:
        choose_kept(there, "demo", "33333333", START)
    assert caught.value.sentence == (
        "Run 33333333 has no kept database on demo; name one of: "
        "22222222 (set aside 1 h 00 min ago, 1.0 KiB), "
        "11111111 (set aside 1 d 6 h ago, 5.0 GiB)."
    )


def test_where_nothing_is_kept_there_is_no_way_back() -> None:
    with pytest.raises(Refused, match="there is no way back"):
        choose_kept([], "demo", "", START)


def test_side_databases_of_dead_runs_are_left_over_and_those_of_others_are_not() -> None:
    names = [side_name("tsdb", FIRST), side_name("tsdb", SECOND), side_name("other", FIRST)]
    names += ["tsdb", "tsdb_restore_by_hand", set_aside_name("tsdb", FIRST)]
    assert left_overs(names, "tsdb", {SECOND}) == (side_name("tsdb", FIRST),)


@pytest.mark.parametrize("live", ["tsdb", "x" * 63, "데이터베이스" * 3])
def test_the_name_of_a_rejected_database_fits_and_ends_with_the_run(live: str) -> None:
    name = rejected_name(live, FIRST)
    assert len(name.encode()) <= MAX_NAME
    assert name.endswith(f"_rejected_{FIRST}")
