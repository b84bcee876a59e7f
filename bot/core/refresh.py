"""Refreshing continuous aggregates by hand: parents first, one statement each, history kept.

The default window begins at the oldest chunk left of a view's source, or behind the newest gap that
the view alone has rows in: before it, a refresh would recompute from nothing what retention has
dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.core import events as ev
from bot.core.bench import Bench
from bot.core.errors import Refused, RunCancelled, TsbotError
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.models import ContinuousAggregate, Person
from bot.core.plan import StepName
from bot.core.ports import Database
from bot.core.requests import RefreshRequest
from bot.core.step_log import StepLog
from bot.core.steps.stage import Intent, Outcome

logger = logging.getLogger(__name__)

ALL = "all"


def in_order(views: Sequence[ContinuousAggregate]) -> tuple[ContinuousAggregate, ...]:
    """Return the views with each after the view it is built on."""
    by_materialization = {v.materialization: v for v in views}
    ordered: dict[str, ContinuousAggregate] = {}

    def place(view: ContinuousAggregate) -> None:
        parent = by_materialization.get(view.source)
        if parent is not None and parent.full_name not in ordered:
            place(parent)
        ordered[view.full_name] = view

    for view in views:
        place(view)
    return tuple(ordered.values())


def pick(views: Sequence[ContinuousAggregate], name: str) -> tuple[ContinuousAggregate, ...]:
    """Return the views meant by a name, with or without its schema, or all in order.

    Raises:
        Refused: there is no such view, or several of that name.
    """
    if name == ALL:
        if not views:
            raise Refused("no_views", "This database has no continuous aggregates.")
        return in_order(views)
    found = tuple(v for v in views if name in {v.name, v.full_name})
    if len(found) == 1:
        return found
    known = ", ".join(v.full_name for v in (found or in_order(views))) or "none"
    what = "is more than one view" if found else "is no continuous aggregate"
    raise Refused("unknown_view", f"“{name}” {what}; there is: {known}.")


@dataclass
class RefreshRun:
    """One refresh of one view or of all.

    Args:
        run_id: its id.
        request: what was asked for.
        requester: by whom.
        bench: where.
        journal: its log.
        cancelled: whether somebody asked to stop; it stops between two views.
    """

    run_id: str
    request: RefreshRequest
    requester: Person
    bench: Bench
    journal: Journal
    cancelled: Callable[[], bool]
    _log: StepLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = StepLog(self.run_id, self.journal, self.bench.clock)

    def execute(self) -> ev.RunFinished:
        """Refresh, and return how it ended; raises nothing that a refresh may run into."""
        clock = self.bench.clock
        started = clock.now()
        try:
            with Lease(self.bench.target, self.bench.cluster):
                outcome, sentence = "succeeded", self._refresh()
        except RunCancelled as error:
            outcome, sentence = "cancelled", str(error)
        except Refused as error:
            outcome, sentence = "refused", error.sentence
        except TsbotError as error:
            outcome, sentence = "failed", str(error)
        except Exception as error:  # the channel must hear of the end, whatever broke
            logger.exception("refresh %s broke off", self.run_id)
            outcome, sentence = "failed", f"internal error: {error!r}"
        finished = ev.RunFinished(
            run_id=self.run_id,
            at=clock.now(),
            outcome=outcome,
            sentence=sentence,
            seconds=(clock.now() - started).total_seconds(),
            requester=self.requester,
        )
        self.journal.record_safe(finished)
        return finished

    def _refresh(self) -> str:
        database = self.bench.cluster.database(self.bench.target.database)
        views = pick(database.continuous_aggregates(), self.request.view)
        done: list[str] = []
        for view in views:
            if self.cancelled():
                raise RunCancelled(f"cancelled after {len(done)} of {len(views)} views")
            done.append(self._one(database, view))
            self._log.progressed(len(done) / len(views), view.full_name)
        return "; ".join(done)

    def _one(self, database: Database, view: ContinuousAggregate) -> str:
        start, end = self._window(database, view)
        sentence = f"refresh {view.full_name} from {_shown(start)} to {_shown(end)}"
        self._log.started(StepName.REFRESH, Intent(sentence, {"view": view.full_name}))
        try:
            before = database.materialized_rows(view)
            database.refresh(view, start, end)
            after = database.materialized_rows(view)
        except TsbotError as error:
            self._log.failed(error)
            raise
        summary = f"{view.full_name}: {before} rows before, {after} after"
        facts = {"view": view.full_name, "rows_before": before, "rows_after": after}
        self._log.finished(Outcome(summary, facts))
        return summary

    def _window(
        self, database: Database, view: ContinuousAggregate
    ) -> tuple[datetime, datetime | None]:
        oldest = database.refreshable_from(view)
        if oldest is None:
            raise Refused(
                "no_source_data",
                f"{view.source}, the source of {view.full_name}, has no data; a refresh would "
                "empty the view.",
            )
        start = self.request.start or oldest
        if start < oldest:
            raise Refused(
                "destroys_history",
                f"The source of {view.full_name} is whole from {_shown(oldest)} on; refreshing "
                f"from {_shown(start)} would remove what only the view still holds. Write "
                f"from={oldest:%Y-%m-%d} or later.",
            )
        return start, self.request.end or self.bench.clock.now()


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "now"
