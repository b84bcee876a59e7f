"""The log's head is shown with what it closes, and handed to the witness, never before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core import events as ev
from bot.core.audit import Draft, Head, Phase, Query
from bot.core.journal import Journal, events_of
from bot.core.plan import StepName
from bot.core.run_view import RunView, fold
from tests.adapters.audit import SteppingClock, intruder
from tests.core.run_samples import BEN, RUN, after, finished, requested

APPROVED = ev.GateClosed(
    run_id=RUN, at=after(20), outcome="approved", sentence="by Ben", digest="ab", approvers=(BEN,)
)
VETOED = ev.GateClosed(run_id=RUN, at=after(20), outcome="vetoed", sentence="by Ben", digest="ab")
STARTED = ev.StepStarted(run_id=RUN, at=after(21), step=StepName.PG_RESTORE, intent="restore")


class Ear:
    """Takes heads and events, as a witness and as a presenter."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.events: list[ev.Event] = []

    def note(self, head: Head) -> None:
        self.heads.append(head)

    def show(self, event: ev.Event) -> None:
        self.events.append(event)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[AuditStore]:
    store = AuditStore(path, SteppingClock(), busy_timeout=0.05)
    yield store
    store.close()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def journal(store: AuditStore, ear: Ear) -> Journal:
    return Journal(store.log, ear, Draft("run", Phase.NOTE), SteppingClock(), ear)


def test_a_witness_gets_the_head_after_the_approval_and_at_the_end_and_no_other(
    journal: Journal, store: AuditStore, ear: Ear
) -> None:
    for event in (requested(), VETOED, APPROVED, STARTED):
        journal.record(event)
    journal.record_safe(finished())
    entries = store.log.entries(Query())
    assert [(h.entry, h.hash, h.run_id) for h in ear.heads] == [
        (3, entries[2].hash, RUN),
        (5, entries[4].hash, RUN),
    ]
    assert store.log.verify(ear.heads[0].hash, ear.heads).intact


def test_people_see_the_head_with_the_event_it_belongs_to(journal: Journal, ear: Ear) -> None:
    journal.record(STARTED)
    journal.record(APPROVED)
    started, head, approved = ear.events
    assert (started, approved) == (STARTED, APPROVED)
    assert isinstance(head, ev.HeadPosted)
    assert head.hash == ear.heads[0].hash


def test_no_head_is_shown_or_kept_of_what_could_not_be_written(
    journal: Journal, ear: Ear, path: Path
) -> None:
    journal.record(APPROVED)
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(finished())
    view = folded(ear.events)
    assert (len(ear.heads), view.outcome, view.head) == (1, "succeeded", None)


def test_an_end_that_is_written_late_has_its_head_then(
    journal: Journal, ear: Ear, path: Path
) -> None:
    with intruder(path) as db:
        db.execute("BEGIN IMMEDIATE")
        journal.record_safe(finished())
    journal.record_safe(STARTED)
    journal.record(requested())
    assert [head.entry for head in ear.heads] == [1]


def test_what_is_painted_from_the_log_has_the_same_head(
    journal: Journal, store: AuditStore, ear: Ear
) -> None:
    for event in (requested(), APPROVED, finished()):
        journal.record(event)
    again = [event for entry in store.log.entries(Query()) for event in events_of(entry)]
    view = folded(again)
    assert view.head == folded(ear.events).head
    assert view.head is not None
    assert view.head.hash == store.log.verify().head


def test_a_witness_that_did_not_take_a_head_is_in_the_log(
    journal: Journal, store: AuditStore
) -> None:
    missing = ev.HeadNotWitnessed(run_id=RUN, at=after(21), entry=3, sentence="heads.txt: gone")
    journal.record(missing)
    (entry,) = store.log.entries(Query())
    assert (entry.draft.action, entry.draft.status) == ("witness", "failed")
    assert events_of(entry) == (missing,)


def folded(events: list[ev.Event]) -> RunView:
    view: RunView | None = None
    for event in events:
        view = fold(view, event)
    assert view is not None
    return view
