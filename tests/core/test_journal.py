"""Nothing is shown that was not committed first, and what makes things safe goes on regardless."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.approvals import Mark
from bot.core.audit import Draft, Entry, Phase, Query
from bot.core.errors import AuditUnavailable
from bot.core.journal import Journal, event_of
from bot.core.models import Check, Verdict
from bot.core.plan import StepName
from bot.core.redaction import REDACTED, Secrets
from tests.adapters.audit import SteppingClock, intruder
from tests.core.run_samples import (
    ANA,
    BEN,
    LIVE,
    RUN,
    a_notice,
    a_plan,
    after,
    finished,
    planned,
    requested,
)

STEP = StepName.PG_RESTORE
STARTED = ev.StepStarted(run_id=RUN, at=after(1), step=STEP, intent="restore", facts={"n": 1})
DONE = ev.StepFinished(
    run_id=RUN, at=after(9), step=STEP, summary="31 tables", seconds=8.0426, tail="last line"
)
UNDONE = ev.StepUndone(run_id=RUN, at=after(12), step=STEP, summary="dropped", ok=True)


@dataclass
class Screen:
    """Shows each event, and how many entries the log had at that moment."""

    store: AuditStore
    shown: list[tuple[ev.Event, int]] = field(default_factory=list)

    def show(self, event: ev.Event) -> None:
        self.shown.append((event, len(self.store.log.entries(Query()))))

    @property
    def events(self) -> list[ev.Event]:
        return [event for event, _ in self.shown]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock(), busy_timeout=0.05)
    yield store
    store.close()


@pytest.fixture
def screen(store: AuditStore) -> Screen:
    return Screen(store)


@pytest.fixture
def journal(store: AuditStore, screen: Screen) -> Journal:
    base = Draft("run", Phase.NOTE, channel="C0OPS", target="demo")
    return Journal(store.log, screen, base, SteppingClock())


@pytest.mark.parametrize("word", ["dora", "demo", "swap", "database"])
def test_a_plan_is_read_back_as_it_was_also_where_one_of_its_words_is_a_password_too(
    path: Path, screen: Screen, word: str
) -> None:
    with closing(AuditStore(path, SteppingClock(), Secrets([word]).clean)) as store:
        event = planned(a_plan(live=replace(LIVE, owner="dora")))
        Journal(store.log, screen, Draft("run", Phase.NOTE), SteppingClock()).record(event)
        [entry] = store.log.entries(Query())
        assert event_of(entry) == event
        said = ev.StepUndone(run_id=RUN, at=after(1), step=STEP, summary=f"as {word}", ok=True)
        Journal(store.log, screen, Draft("run", Phase.NOTE), SteppingClock()).record(said)
        assert f"as {REDACTED}" in str(store.log.entries(Query())[-1].draft.detail)


def entries(store: AuditStore) -> tuple[Entry, ...]:
    return store.log.entries(Query())


def test_an_event_is_committed_before_anybody_is_shown_it(journal: Journal, screen: Screen) -> None:
    journal.record(requested())
    journal.record(STARTED)
    assert screen.shown == [(requested(), 1), (STARTED, 2)]


def test_what_cannot_be_committed_is_neither_shown_nor_done(
    journal: Journal, screen: Screen, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditUnavailable):
            journal.record(STARTED)
    assert screen.shown == []


def test_what_makes_things_safe_goes_on_without_the_log_and_says_so(
    journal: Journal, screen: Screen, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with intruder(path) as db, caplog.at_level(logging.CRITICAL):
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(UNDONE)
    assert screen.events == [UNDONE]
    assert f"owed entry: {RUN} pg_restore outcome undone" in caplog.text


def test_owed_entries_come_before_the_next_one_when_the_log_is_back(
    journal: Journal, store: AuditStore, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(UNDONE)
        journal.record_safe(DONE)
    journal.record(finished())
    assert [event_of(entry) for entry in entries(store)] == [UNDONE, DONE, finished()]
    assert store.log.verify().intact


def test_owed_entries_are_written_once_also_by_the_next_safe_event(
    journal: Journal, store: AuditStore, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(UNDONE)
    journal.record_safe(DONE)
    journal.record_safe(finished())
    assert [entry.draft.status for entry in entries(store)] == ["undone", "ok", "succeeded"]


def test_a_log_known_to_be_down_is_not_waited_for_at_each_safe_event(
    journal: Journal, screen: Screen, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(UNDONE)
        began = time.monotonic()
        for _ in range(20):
            journal.record_safe(DONE)
        assert time.monotonic() - began < 0.2
    assert screen.events == [UNDONE, *[DONE] * 20]


def test_an_entry_owed_keeps_everything_after_it_waiting(
    journal: Journal, store: AuditStore, screen: Screen, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(UNDONE)
        with pytest.raises(AuditUnavailable):
            journal.record(finished())
    assert (entries(store), screen.events) == ((), [UNDONE])


def test_events_that_are_only_shown_leave_no_entry(
    journal: Journal, store: AuditStore, screen: Screen
) -> None:
    progressed = ev.StepProgressed(run_id=RUN, at=after(2), step=STEP, done=0.5, note="x")
    journal.show(progressed)
    assert (screen.events, entries(store)) == ([progressed], ())


CHECK = Check("disk", Verdict.FAILED, "3 GB free", "make room")
VOTE = ev.VoteTaken(
    run_id=RUN, at=after(7), person=BEN, mark=Mark.APPROVE, refusal="", digest="ab" * 32
)


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        (requested(), ("restore", "intent", "", "U0ANA")),
        (planned(), ("plan", "note", "", "tsbot")),
        (
            ev.ChecksMade(run_id=RUN, at=after(4), step=StepName.PREFLIGHT, checks=(CHECK,)),
            ("preflight_checks", "note", "failed", "tsbot"),
        ),
        (
            ev.GateOpened(run_id=RUN, at=after(6), notice=a_notice(), channel="C0OPS", ts="17.5"),
            ("gate", "intent", "", "tsbot"),
        ),
        (VOTE, ("vote", "note", "approve", "U0BEN")),
        (
            ev.VoteTaken(
                run_id=RUN, at=after(7), person=ANA, mark=Mark.VETO, refusal="bots", digest="ab"
            ),
            ("vote", "note", "refused", "U0ANA"),
        ),
        (
            ev.VoteWithdrawn(run_id=RUN, at=after(8), person=BEN, mark=Mark.APPROVE, digest="ab"),
            ("vote", "note", "withdrawn", "U0BEN"),
        ),
        (
            ev.QuorumReached(
                run_id=RUN, at=after(8), approvers=(BEN,), starts_at=after(23), digest="ab"
            ),
            ("QuorumReached", "note", "", "tsbot"),
        ),
        (
            ev.GateClosed(run_id=RUN, at=after(9), outcome="expired", sentence="late", digest="ab"),
            ("gate", "outcome", "expired", "tsbot"),
        ),
        (STARTED, ("pg_restore", "intent", "", "tsbot")),
        (DONE, ("pg_restore", "outcome", "ok", "tsbot")),
        (
            ev.StepFailed(run_id=RUN, at=after(9), step=STEP, sentence="disk full", seconds=1.0),
            ("pg_restore", "outcome", "failed", "tsbot"),
        ),
        (UNDONE, ("pg_restore", "outcome", "undone", "tsbot")),
        (
            ev.StepUndone(run_id=RUN, at=after(12), step=STEP, summary="busy", ok=False),
            ("pg_restore", "outcome", "undo failed", "tsbot"),
        ),
        (finished("failed"), ("run", "outcome", "failed", "tsbot")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ev.Event) else "",
)
def test_an_entry_has_its_columns_and_gives_the_event_back(
    journal: Journal, store: AuditStore, event: ev.Event, columns: tuple[str, ...]
) -> None:
    journal.record(event)
    (entry,) = entries(store)
    draft = entry.draft
    assert (draft.action, draft.phase, draft.status, draft.actor_id) == columns
    assert (draft.run_id, draft.channel, draft.target) == (RUN, "C0OPS", "demo")
    assert event_of(entry) == event


def test_durations_and_the_tail_have_columns_of_their_own(
    journal: Journal, store: AuditStore
) -> None:
    journal.record(DONE)
    draft = entries(store)[0].draft
    assert (draft.duration_ms, draft.output_tail) == (8043, "last line")


def test_a_plan_read_back_from_the_log_still_has_its_digest(
    journal: Journal, store: AuditStore
) -> None:
    journal.record(planned())
    (entry,) = entries(store)
    event = event_of(entry)
    assert isinstance(event, ev.RunPlanned)
    assert event.plan.digest() == entry.draft.digest == event.digest


def test_an_entry_of_another_kind_is_no_event(store: AuditStore) -> None:
    assert event_of(store.log.append(Draft("command", Phase.NOTE, "refused"))) is None
    other = Draft("command", Phase.NOTE, detail={"event": "Something newer"})
    assert event_of(store.log.append(other)) is None
