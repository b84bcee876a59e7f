"""A question to the log has a limit, and what was cut off is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.core.audit import Draft, Phase, Query
from bot.core.history import MOST, NEWEST, HistoryRequest, ask, parse_history
from tests.adapters.audit import START, SteppingClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock())
    for number in range(NEWEST + 1):
        store.log.append(Draft("command", Phase.NOTE, run_id="aa11", arguments=str(number)))
    yield store
    store.close()


@pytest.mark.parametrize(
    ("text", "most"),
    [("", NEWEST), ("<@U0ANA|ana>", NEWEST), ("since=7d", MOST), ("aa11bb22", MOST)],
)
def test_every_question_has_a_limit(text: str, most: int) -> None:
    assert parse_history(text, START).query.newest == most


def test_the_newest_are_kept_and_older_ones_are_known_of(store: AuditStore) -> None:
    found = ask(parse_history("", START), store.log)
    assert [e.draft.arguments for e in found.entries] == [str(n) for n in range(1, NEWEST + 1)]
    assert found.older


def test_nothing_is_called_cut_where_exactly_as_many_are_there(store: AuditStore) -> None:
    exactly = HistoryRequest(Query(run_id="aa11", newest=NEWEST + 1), "run aa11")
    found = ask(exactly, store.log)
    assert (len(found.entries), found.older) == (NEWEST + 1, False)


def test_a_time_reads_all_since_then(store: AuditStore) -> None:
    found = ask(parse_history("since=1h", START + timedelta(minutes=30)), store.log)
    assert (len(found.entries), found.older) == (NEWEST + 1, False)
