"""The shell of every run: the lock on its target, and one end that the channel hears of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from bot.core import events as ev
from bot.core.bench import Bench
from bot.core.errors import (
    DatabaseRefused,
    EngineRefused,
    GateNotPassed,
    PreflightFailed,
    Refused,
    RunCancelled,
    TsbotError,
    Unavailable,
)
from bot.core.journal import Journal
from bot.core.lease import Lease
from bot.core.models import Person
from bot.core.plan import StepName
from bot.core.unreachable import explained
from bot.core.wording import ended

logger = logging.getLogger(__name__)

Ending = tuple[str, str]
"""A run's outcome and its sentence."""


def carry_out(
    run_id: str,
    requester: Person,
    bench: Bench,
    journal: Journal,
    body: Callable[[Lease], Ending],
    rest: str = "Nothing was changed",
) -> ev.RunFinished:
    """Do a run's work under its target's lock, and record how it ended, whatever happens.

    Args:
        run_id: the run.
        requester: who asked.
        bench: where.
        journal: the run's log.
        body: the work; it undoes what it must before it returns, while the lock is held.
        rest: what is true where the lock was never had.
    """
    clock = bench.clock
    started = clock.now()
    outcome = sentence = ""
    try:
        with explained(bench.target, bench.host), Lease(bench.target, bench.cluster) as lease:
            outcome, sentence = body(lease)
    except (Refused, Unavailable, DatabaseRefused, EngineRefused) as error:
        if not outcome:  # else the run has ended, and only the lock was not given back
            outcome, sentence = "refused", f"{ended(str(error))} {ended(rest)}"
    except Exception as error:  # the channel must hear of the end, whatever broke
        logger.exception("the lock of run %s broke", run_id)
        if not outcome:
            outcome, sentence = "failed", f"internal error: {error!r}. {ended(rest)}"
    finished = ev.RunFinished(
        run_id=run_id,
        at=clock.now(),
        outcome=outcome,
        sentence=sentence,
        seconds=(clock.now() - started).total_seconds(),
        requester=requester,
    )
    journal.record_safe(finished)
    return finished


def outcome_of(error: TsbotError, left: Collection[StepName] = ()) -> str:
    """Return the word for how a run ended that an error broke off.

    Args:
        error: what broke it off.
        left: the steps that could not be taken back; who stopped a run has to hear of them as of
            a failure, for the other words say that nothing is to be done.
    """
    if left:
        return "failed"
    if isinstance(error, GateNotPassed):
        return "cancelled" if error.reason == "cancelled" else "not approved"
    if isinstance(error, RunCancelled):
        return "cancelled"
    return "refused" if isinstance(error, PreflightFailed | Refused) else "failed"
