"""Asks, at the end of their time, whether databases that were set aside may be dropped.

When it has asked is in the log, so a restart of the bot neither forgets nor repeats a question.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.core import events as ev
from bot.core.audit import Query
from bot.core.bench import Bench
from bot.core.drop_kept import CLEAN_UP, DropKept
from bot.core.errors import TsbotError
from bot.core.journal import event_of
from bot.core.kept import Kept, kept_databases
from bot.core.launcher import MYSELF, Launcher
from bot.core.models import Origin
from bot.core.requests import new_run_id
from bot.core.wording import counted, duration

logger = logging.getLogger(__name__)

MOST_QUESTIONS = 4
"""How often one database is asked about; afterwards only /tsstatus tells of it."""

_SELDOM = timedelta(hours=1)
_OFTEN = timedelta(seconds=1)
_LOOK_BACK = 200


@dataclass(frozen=True, slots=True)
class Keeper:
    """Looks at the kept databases of all targets now and then.

    Args:
        benches: by target name.
        launcher: starts the runs that ask.
    """

    benches: Mapping[str, Bench]
    launcher: Launcher

    def start(self) -> None:
        """Look at once, and again and again until the timers are closed."""
        for bench in self.benches.values():
            self._at(self.launcher.clock.now(), bench)

    def _at(self, when: datetime, bench: Bench) -> None:
        self.launcher.timers.at(when, f"kept:{bench.target.name}", partial(self._look, bench))

    def _look(self, bench: Bench) -> None:
        try:
            self._ask_for_one(bench)
        except TsbotError as error:  # the server or Slack is away, or the target is busy
            logger.info("kept databases of %s: %s", bench.target.name, error)
        finally:
            pause = max(_OFTEN, min(_SELDOM, bench.target.keep_previous_for / 4))
            self._at(self.launcher.clock.now() + pause, bench)

    def _ask_for_one(self, bench: Bench) -> None:
        if any(claim.target == bench.target.name for claim in self.launcher.claims.held()):
            return
        due = tuple(self._due(bench))
        if due:
            self._ask(bench, *due[-1])  # the oldest; the others when it is decided

    def _due(self, bench: Bench) -> Iterator[tuple[Kept, str]]:
        """Yield the databases to ask about, the newest first, each with the reason."""
        target, now = bench.target, self.launcher.clock.now()
        asked = self._asked(target.name)
        kept = kept_databases(self.launcher.log, bench.cluster, target.name)
        for place, one in enumerate(kept, 1):
            times = asked.get(_question(one), [])
            last = max([one.exchange.at, *times])
            if one.facts.allows_connections or len(times) >= MOST_QUESTIONS:
                continue
            if place > target.keep_previous_max and not times:
                most = counted(target.keep_previous_max, "database")
                yield one, f"{counted(len(kept), 'database')} are kept, of {most} at most"
            elif now >= last + target.keep_previous_for:
                yield one, f"kept longer than {duration(target.keep_previous_for.total_seconds())}"

    def _asked(self, target: str) -> dict[str, list[datetime]]:
        """Return when each database was asked about."""
        asked: dict[str, list[datetime]] = {}
        query = Query(target=target, action=CLEAN_UP, newest=_LOOK_BACK)
        for entry in self.launcher.log.entries(query):
            event = event_of(entry)
            if isinstance(event, ev.RunRequested):
                asked.setdefault(event.arguments, []).append(event.at)
        return asked

    def _ask(self, bench: Bench, kept: Kept, reason: str) -> None:
        log = self.launcher.log
        channel = self.launcher.access.place(kept.exchange.channel)
        asked = ev.RunRequested(
            run_id=new_run_id(),
            at=self.launcher.clock.now(),
            operation=CLEAN_UP,
            target=bench.target.name,
            origin=Origin(MYSELF, channel),
            arguments=_question(kept),
        )
        self.launcher.change(asked, DropKept(bench, log, kept.facts.oid, reason), bench)


def _question(kept: Kept) -> str:
    return f"{kept.facts.name} (oid {kept.facts.oid})"
