"""Dropping a kept database, which nobody but approvers may decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.bench import Bench
from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeWork
from bot.core.errors import Refused
from bot.core.kept import Kept, kept_databases
from bot.core.plan import StepName
from bot.core.ports import AuditLog
from bot.core.rollback import RUN
from bot.core.server_checks import ServerChecks
from bot.core.steps import drop_kept
from bot.core.steps.stage import Stage
from bot.core.steps.swap_back import KEPT, KEPT_OID
from bot.core.wording import duration, moment, size

CLEAN_UP = "clean-up"
"""What the log and the channel call the run; “drop of shop” would wake the wrong people."""


@dataclass(frozen=True, slots=True)
class DropKept:
    """Drops one database that was set aside.

    Args:
        bench: the target.
        log: knows what was set aside.
        oid: which.
        reason: why now.
    """

    bench: Bench
    log: AuditLog
    oid: int
    reason: str = ""

    def plan(self, run_id: str) -> ChangePlan:
        """Look at everything, change nothing, and return what would be done.

        Raises:
            Refused: it is not there any more, serves again, or was opened by somebody.
        """
        bench, kept = self.bench, self._kept()
        target, name = bench.target, kept.facts.name
        now, at = bench.clock.now(), kept.exchange.at
        age = duration((now - at).total_seconds())
        return ChangePlan(
            run_id,
            target,
            CLEAN_UP,
            f"drop the kept database of {target.name} that run {kept.run_id} set aside",
            f"Would be lost for good: {name}, {size(kept.facts.size)}, set aside {age} ago; "
            f"/rollback {target.name} {kept.run_id} does not work any more then.",
            (StepName.DROP_KEPT,),
            ServerChecks(target, bench.host, bench.cluster).container(),
            (),
            bench.cluster.identity().system_identifier,
            subject={KEPT: name, KEPT_OID: str(kept.facts.oid), RUN: kept.run_id},
            lines=(
                f"It was the live database until {moment(at)} and has been shut since",
                f"{target.database}, which serves, is not touched",
                "Without an approval it stays",
            ),
            reason=self.reason,
        )

    def _kept(self) -> Kept:
        kept = kept_databases(self.log, self.bench.cluster, self.bench.target.name)
        found = next((k for k in kept if k.facts.oid == self.oid), None)
        if found is None:
            raise Refused("not_kept", f"The database with oid {self.oid} is not kept any more.")
        if found.facts.allows_connections:
            raise Refused("kept_open", f"{found.facts.name} was opened by somebody; it stays.")
        return found

    def stages(self, plan: ChangePlan) -> Sequence[Stage[ChangeWork]]:
        """Return the one step."""
        return [drop_kept.DROP_KEPT for _ in plan.order]

    def verdict(self, work: ChangeWork) -> Ending:
        """Return how it ended, all steps done."""
        return "succeeded", f"{work.plan.subject[KEPT]} is dropped."
