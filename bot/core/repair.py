"""Repairing automatic refresh: what the status finds wrong, each with its remedy.

What harms nobody is done at once. What disturbs other databases or changes the server waits for
approval. What is not ours to decide is said, with the statement that does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.core.bench import Bench
from bot.core.carrying_out import Ending
from bot.core.change_plan import ChangePlan
from bot.core.change_run import ChangeWork
from bot.core.errors import Refused
from bot.core.findings import findings
from bot.core.models import Check, Container
from bot.core.plan import SPECS, StepName
from bot.core.points import checklist
from bot.core.ports import AuditLog
from bot.core.remedies import SEQUENCE, Remedies, complete, remedies, unscheduled
from bot.core.repair_look import Look, look
from bot.core.server_checks import ServerChecks
from bot.core.status import Expectations
from bot.core.steps import applications
from bot.core.steps.repair import MAKERS
from bot.core.steps.server import poll
from bot.core.steps.stage import Intent, Outcome, Stage
from bot.core.wording import counted

REPAIR = "repair"
"""What the log calls it."""

_SETTLES_WITHIN = 10  # seconds a point has to become green
_ONE_SERVER = "one server"


@dataclass
class Repair:
    """The change ``repair`` of one target.

    Args:
        bench: where.
        log: knows the runs that broke off.
    """

    bench: Bench
    log: AuditLog
    _done: set[StepName] = field(default_factory=set, init=False)
    _found: Remedies = field(default_factory=Remedies, init=False)
    _look: Look | None = field(default=None, init=False)
    _started: tuple[Container, ...] = field(default=(), init=False)

    def plan(self, run_id: str) -> ChangePlan:
        """Look at everything and return what would be done; no steps where all is well.

        Raises:
            Refused: there is no such database, a pg_restore works in it, or the DSN and the
                container are two servers.
        """
        bench, target = self.bench, self.bench.target
        self._be_sure_of_the_server()
        self._look = seen = look(bench, self.log)
        self._found = found = remedies(seen)
        _stop_if_importing(seen)
        self._started = self._started or found.start
        needed = found.steps(woken=StepName.REPAIR_WORKERS in self._done) | self._done
        told = findings(seen, found)
        if told or needed:
            needed |= {StepName.CHECKLIST}
        order = tuple(name for name in SEQUENCE if name in needed)
        return ChangePlan(
            run_id,
            target,
            REPAIR,
            f"repair {target.name}",
            _disturbance(order, target.database),
            order,
            bench.host.find(target.container),
            self._started,
            bench.cluster.identity().system_identifier,
            subject={"database oid": str(seen.access.oid), **found.subject()},
            lines=tuple(f"{c.evidence} → {c.remedy}" for c in told),
            warnings=self._warnings(order),
            checks=told,
        )

    def stages(self, plan: ChangePlan) -> Sequence[Stage[ChangeWork]]:
        """Return the plan's steps, for what was found last.

        Of a plan from before a restart of the bot only what was approved: it looks anew.
        """
        if self._look is None:
            self.plan(plan.run_id)
            self._found = self._found.within(plan.subject)
        return tuple(self._noted(self._stage(name)) for name in plan.order)

    def verdict(self, work: ChangeWork) -> Ending:
        """Return what is still not green, or that nothing was wrong."""
        facts = work.facts.get(StepName.CHECKLIST)
        name = work.target.database
        if facts is None:
            return "succeeded", f"Nothing is wrong with {name}; nothing was changed."
        left = str(facts.get("left", ""))
        done = [SPECS[n].title for n in SEQUENCE if n in self._done and n is not StepName.CHECKLIST]
        told = f"Done: {', '.join(done)}. " if done else "Nothing was changed. "
        if left:
            return "unverified", f"{told}Still not green: {left}"
        notes = facts.get("notes")
        also = f" To be decided by somebody: {notes}." if notes else ""
        return "succeeded", f"{told}All five points of {name} are green.{also}"

    def _stage(self, name: StepName) -> Stage[ChangeWork]:
        if name is StepName.START_APPLICATIONS:
            start = applications.START
            return Stage(name, start.intent, start.act, safe=True)
        if name is StepName.CHECKLIST:
            return Stage(name, lambda _: Intent("check the five points again"), self._check)
        return MAKERS[name](self._found)

    def _noted(self, stage: Stage[ChangeWork]) -> Stage[ChangeWork]:
        def act(work: ChangeWork) -> Outcome:
            outcome = stage.act(work)
            self._done.add(stage.name)
            return outcome

        return Stage(stage.name, stage.intent, act, safe=stage.safe)

    def _check(self, work: ChangeWork) -> Outcome:
        seen: list[Look] = []

        def settled() -> bool:
            seen.append(look(self.bench, self.log))
            return complete(seen[-1]) and not unscheduled(seen[-1])

        poll(work, _SETTLES_WITHIN if self._done else 0, settled)
        points = checklist(seen[-1].status, self._expected(seen[-1]))
        others = tuple(c for c in self._left(seen[-1]) if c.name not in {p.name for p in points})
        return _judged(points, others, seen[-1])

    def _expected(self, seen: Look) -> Expectations:
        """Who stopped the other applications may have meant it; those are named beside."""
        up = (a.container for a in seen.status.applications)
        running = {c.name for c in up if c is not None and c.running}
        return Expectations(tuple(running | {c.name for c in self._started}))

    def _left(self, seen: Look) -> tuple[Check, ...]:
        return findings(seen, remedies(seen))

    def _be_sure_of_the_server(self) -> None:
        bench = self.bench
        for check in ServerChecks(bench.target, bench.host, bench.cluster).run():
            if not check.passed:
                raise Refused("not_ready", f"{check.name}: {check.evidence}. {check.remedy}")
            if check.name == _ONE_SERVER:
                return

    def _warnings(self, order: tuple[StepName, ...]) -> tuple[str, ...]:
        if StepName.RESTART not in order:
            return ()
        sessions = self.bench.cluster.sessions()
        clients = [s.database for s in sessions if s.backend_type == "client backend"]
        each = ", ".join(f"{name} {clients.count(name)}" for name in sorted(set(clients)))
        return (f"A restart ends all sessions of the server ({each or 'none now'})",)


def _disturbance(order: tuple[StepName, ...], database: str) -> str:
    if StepName.RESTART in order:
        return f"No data is lost. PostgreSQL may be restarted: {database} and all others pause."
    if StepName.REPAIR_SETTINGS in order:
        return "No data is lost. A setting changes that other databases obey as well."
    return "No data is lost and nobody is disturbed."


def _stop_if_importing(seen: Look) -> None:
    """Turning restoring off under somebody's pg_restore would break what it restores."""
    if seen.importing and any(layer.on for layer in seen.status.layers):
        raise Refused(
            "import_at_work",
            f"A pg_restore is at work in {seen.target.database}, which needs "
            "timescaledb.restoring; /repair when it has ended.",
        )


def _judged(points: tuple[Check, ...], others: tuple[Check, ...], seen: Look) -> Outcome:
    wrong = [c for c in (*points, *others) if not c.passed]
    left = "; ".join(f"{c.name}: {c.evidence} → {c.remedy}" for c in wrong)
    notes = "; ".join(c.evidence for c in (*points, *others) if c.passed and c.remedy)
    facts: dict[str, object] = {"left": left, "notes": notes}
    paused = {j.id for j in seen.status.jobs or () if not j.scheduled}
    for waiting in seen.waiting:
        if paused & set(waiting.jobs):
            facts |= {"waiting": list(waiting.jobs), "waiting_since": waiting.run_id}
    summary = f"{counted(len(wrong), 'point')} not green: {left}" if left else "all points green"
    return Outcome(summary, facts, checks=(*points, *others))
