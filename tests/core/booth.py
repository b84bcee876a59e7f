"""A gate in a thread, on a real audit log and real timers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.timers import BackgroundTimers
from bot.core import events as ev
from bot.core.approvals import ApprovalRules
from bot.core.audit import Draft, Phase, Query
from bot.core.errors import GateNotPassed
from bot.core.gate import SlackGate
from bot.core.journal import Journal, event_of
from bot.core.models import Person
from bot.core.plan import Plan
from tests.core.run_samples import ANA, BEN, a_plan
from tests.core.workspace import Workspace

CHO = Person("U0CHO", "Cho")
PLAN = a_plan()
RULES = ApprovalRules(("U0BEN", "U0CHO"), quorum=2, grace=timedelta(milliseconds=60))
SHORT = replace(RULES, timeout=timedelta(milliseconds=300))
ALONE = replace(RULES, quorum=1)
PATIENT = replace(ALONE, grace=timedelta(seconds=20))


class Booth:
    """A gate in a thread, with its workspace, its log and its timers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SystemClock()
        self.slack = Workspace(BEN, CHO)
        self.store = AuditStore(path, self.clock, busy_timeout=0.05)
        self.timers = BackgroundTimers()
        self.cancelled = threading.Event()
        self.gate = self.make(RULES)
        self._threads = ThreadPoolExecutor(1)

    def make(self, rules: ApprovalRules, **changes: Any) -> SlackGate:
        draft = Draft("run", Phase.NOTE, target="demo")
        journal = Journal(self.store.log, self.slack, draft, self.clock)
        eligible = frozenset({"U0BEN", "U0CHO"})
        slack, waits = self.slack, {"poll": 0.02, **changes}
        return SlackGate(
            slack, slack, journal, self.clock, self.timers, self.store.deadlines, rules,
            eligible, self.cancelled.is_set, **waits,
        )  # fmt: skip

    def start(
        self, rules: ApprovalRules = RULES, plan: Plan = PLAN, **changes: Any
    ) -> Future[tuple[Person, ...]]:
        self.gate = self.make(rules, **changes)
        return self._threads.submit(self.gate.approve, plan, ANA)

    def logged(self, kind: type[ev.Event]) -> list[ev.Event]:
        events = (event_of(entry) for entry in self.store.log.entries(Query()))
        return [event for event in events if isinstance(event, kind)]

    def close(self) -> None:
        self.cancelled.set()
        self.gate.wake()
        self._threads.shutdown()
        self.timers.close()
        self.store.close()


def eventually(condition: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def ending(future: Future[tuple[Person, ...]]) -> GateNotPassed:
    with pytest.raises(GateNotPassed) as caught:
        future.result(5)
    return caught.value


def looked_again(booth: Booth) -> None:
    """Wait until the gate has counted what is there now, and once more."""
    before = booth.slack.reads
    eventually(lambda: booth.slack.reads > before + 2)


def seen(booth: Booth, person: Person) -> None:
    """Wait until a vote of this person's is in the log."""
    eventually(lambda: person in [e.person for e in booth.logged(ev.VoteTaken)])  # type: ignore[attr-defined]
