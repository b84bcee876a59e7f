"""One piece of work a target, and no lock that outlives its worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.core.audit import Claim
from bot.core.bench import Bench
from bot.core.errors import DatabaseUnavailable, Refused
from bot.core.interrupted import is_undecided
from bot.core.lease import Lease
from bot.core.ports import AuditLog, Claims

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claiming:
    """Takes claims, also those that a dead process left behind.

    Args:
        claims: one run a target.
        at_work: whether this process takes care of a run, by its id; one that was interrupted and
            waits for a decision among them.
        log: knows what a dead run has left; None lets its claim pass on whatever that is.
    """

    claims: Claims
    at_work: Callable[[str], object] = lambda _: False
    log: AuditLog | None = None

    def take(self, bench: Bench, run_id: str, holder: str) -> None:
        """Claim a target.

        A claim outlives its holder. Where no process works on its run, and nobody holds the run's
        advisory lock on the server, it passes on.

        Raises:
            Refused: another run works on the target, or died and has left something behind.
        """
        claim = Claim(bench.target.name, run_id, holder, bench.clock.now())
        try:
            self.claims.take(claim)
        except Refused:
            stale = self._stale(bench)
            if stale is None:
                raise
            self._stop_if_undecided(stale)
            logger.warning("claim of run %s on %s was left behind", stale.run_id, stale.target)
            self.claims.release(stale.target, stale.run_id)
            self.claims.take(claim)

    def _stop_if_undecided(self, claim: Claim) -> None:
        """Let nobody begin on top of what a dead run has left, such as stopped applications."""
        run_id = claim.run_id
        if self.log is not None and is_undecided(self.log, run_id):
            raise Refused(
                "interrupted",
                f"Run {run_id} died and holds {claim.target}. See what it left with tsbot runs "
                f"show {run_id}, then resume, undo or abandon it.",
            )

    @contextmanager
    def held(self, bench: Bench, run_id: str, holder: str) -> Iterator[None]:
        """Hold a claim as long as the context lasts; see `take`."""
        self.take(bench, run_id, holder)
        try:
            yield
        finally:
            self.claims.release(bench.target.name, run_id)

    def _stale(self, bench: Bench) -> Claim | None:
        held = [c for c in self.claims.held() if c.target == bench.target.name]
        return held[0] if held and self._is_stale(bench, held[0]) else None

    def _is_stale(self, bench: Bench, claim: Claim) -> bool:
        """Whether the process that took a claim is gone, and its session on the server with it.

        The lock alone is no proof: a restart of PostgreSQL takes it from a run that lives.
        """
        if self.at_work(claim.run_id) or self.claims.alive(claim.run_id):
            return False
        return is_free(bench)


def is_free(bench: Bench) -> bool:
    """Whether nobody holds the target's lock; every run that came to a plan holds it."""
    try:
        with Lease(bench.target, bench.cluster, patience=0):
            return True
    except (Refused, DatabaseUnavailable):
        return False
