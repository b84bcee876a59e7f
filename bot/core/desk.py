"""The desk: takes each command, logs it, refuses it in one sentence or starts the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bot.core import events as ev
from bot.core.access import Access
from bot.core.audit import Draft, Entry, Phase
from bot.core.backups import LATEST
from bot.core.bench import Bench, choose
from bot.core.claiming import Claiming
from bot.core.errors import Refused, TsbotError
from bot.core.gate import OpenGate, SlackGate
from bot.core.history import HistoryRequest, parse_history
from bot.core.journal import Journal
from bot.core.models import BackupFile, Check, Origin
from bot.core.permissions import ARM_RETENTION, CANCEL_RUN, COMMANDS, CommandSpec
from bot.core.ports import (
    AuditLog,
    Ballot,
    Claims,
    Clock,
    Deadlines,
    Presenter,
    Timers,
)
from bot.core.prepare import RestoreRequest
from bot.core.refresh import ALL, RefreshRun, pick
from bot.core.requests import (
    RefreshRequest,
    new_run_id,
    parse_refresh,
    parse_restore,
    parse_target,
)
from bot.core.retention import arm, waiting_after
from bot.core.runner import RestoreRun
from bot.core.runs import ActiveRun, Runs
from bot.core.status import Status, checklist, read_status

HOLDER = "tsbot"
"""Who holds a claim that the bot took; the command line takes its own under ``cli:USER``."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the channel can ask for.

    Args:
        benches: by target name.
        access: who may do what.
        log: the audit log.
        claims: one run a target.
        deadlines: when gates expire.
        presenter: shows runs.
        ballots: gate messages of a channel.
        timers: wake gates.
        clock: time.
        runs: the runs at work.
    """

    benches: Mapping[str, Bench]
    access: Access
    log: AuditLog
    claims: Claims
    deadlines: Deadlines
    presenter: Presenter
    ballots: Callable[[str], Ballot]
    timers: Timers
    clock: Clock
    runs: Runs = field(default_factory=Runs)

    def restore(self, origin: Origin, text: str) -> str:
        """Start a restore and return the run's id.

        Raises:
            Refused: not allowed, wrong input, no such backup, or the target is busy.
        """
        with self._command(origin, "/restore", text):
            request = parse_restore(text, self.benches)
            bench = choose(self.benches, request.target)
            request = replace(request, target=bench.target.name)
            if request.backup != LATEST:
                bench.backups.find(request.backup)
            run_id = new_run_id()
            self._claim(bench, run_id)
            asked = ev.RunRequested(
                run_id=run_id,
                at=self.clock.now(),
                operation="restore",
                target=bench.target.name,
                origin=origin,
                backup=request.backup,
                arguments=text,
            )
            self._begin(bench, run_id, lambda: self._restore(asked, request, bench))
            return run_id

    def refresh(self, origin: Origin, text: str) -> str:
        """Start a refresh and return the run's id.

        Raises:
            Refused: not allowed, wrong input, no such view, or the target is busy.
        """
        with self._command(origin, "/refresh", text):
            request = parse_refresh(text, self.benches, self.clock.now())
            bench = choose(self.benches, request.target)
            database = bench.cluster.database(bench.target.database)
            pick(database.continuous_aggregates(), request.view)
            run_id = new_run_id()
            self._claim(bench, run_id)
            asked = ev.RunRequested(
                run_id=run_id,
                at=self.clock.now(),
                operation="refresh",
                target=bench.target.name,
                origin=origin,
                arguments=text,
            )
            self._begin(bench, run_id, lambda: self._refresh(asked, request, bench))
            return run_id

    def refresh_all(self, origin: Origin, target: str) -> str:
        """Start a refresh of all views, as the button does."""
        return self.refresh(origin, f"{ALL} {target}")

    def status(self, origin: Origin, text: str) -> tuple[Status, tuple[Check, ...]]:
        """Return what a target looks like now, with the five points.

        Raises:
            Refused: the wrong channel, or no such target.
        """
        with self._command(origin, "/tsstatus", text):
            bench = choose(self.benches, parse_target(text, self.benches))
            found = read_status(bench.target, bench.host, bench.cluster, self.clock.now())
            return found, checklist(found)

    def backups(self, origin: Origin, text: str) -> tuple[Bench, tuple[BackupFile, ...]]:
        """Return a target's dumps, the newest first."""
        with self._command(origin, "/backups", text):
            bench = choose(self.benches, parse_target(text, self.benches))
            return bench, bench.backups.listing()

    def history(self, origin: Origin, text: str) -> tuple[HistoryRequest, tuple[Entry, ...]]:
        """Return the log's entries for a run, a person or a time."""
        with self._command(origin, "/audit", text):
            request = parse_history(text, self.clock.now())
            return request, self.log.entries(request.query)

    def help(self, origin: Origin, text: str) -> tuple[tuple[CommandSpec, bool], ...]:
        """Return each command and whether this person may use it."""
        with self._command(origin, "/tshelp", text):
            return tuple((c, self.access.may(origin.person, c.who)) for c in COMMANDS)

    def cancel(self, origin: Origin, run_id: str) -> None:
        """Ask a run to stop at its next safe point.

        Raises:
            Refused: not allowed, or the run has ended.
        """
        with self._logged(origin, "cancel", run_id, run_id):
            run = self.runs.find(run_id)
            requester = run.requester.id if run else ""
            self.access.require(origin, CANCEL_RUN.label, CANCEL_RUN.who, requester)
            if not self.runs.cancel(run_id):
                raise Refused("run_ended", f"Run {run_id} has ended; there is nothing to cancel.")

    def arm_retention(self, origin: Origin, run_id: str) -> tuple[int, ...]:
        """Let the retention jobs run again that a restore left paused, and return their ids.

        Raises:
            Refused: not an approver, or nothing waits.
        """
        with self._logged(origin, "arm retention", run_id, run_id):
            self.access.require(origin, ARM_RETENTION.label, ARM_RETENTION.who)
            waiting = waiting_after(self.log, run_id)
            base = Draft("run", Phase.NOTE, channel=origin.channel, target=waiting.target)
            journal = Journal(self.log, self.presenter, base, self.clock)
            arm(waiting, self.benches, self.claims, journal, origin.person)
            return waiting.jobs

    def reaction(self, channel: str, ts: str) -> None:
        """Take note that somebody reacted; what counts is read back by the gate."""
        self.runs.hint(channel, ts)

    def resume_gate(self, asked: ev.RunRequested, gate: OpenGate, request: RestoreRequest) -> None:
        """Go on waiting at a gate from before a restart of the bot; the claim is still held."""
        bench = choose(self.benches, asked.target)
        work = lambda: self._restore(asked, request, bench, gate)  # noqa: E731 - one expression
        self._begin(bench, asked.run_id, work)

    def _restore(
        self,
        asked: ev.RunRequested,
        request: RestoreRequest,
        bench: Bench,
        gate: OpenGate | None = None,
    ) -> None:
        journal = self._journal(asked)
        requester = asked.origin.person
        # asked before anything is logged: a run that Slack keeps from starting leaves no trace
        eligible = gate.notice.eligible if gate else self.access.approvers(fresh=True)
        if gate is None:
            journal.record(asked)
        else:
            self.presenter.show(asked)
        active = ActiveRun(asked.run_id, bench.target.name, requester, threading.Event())
        active.gate = SlackGate(
            self.ballots(asked.origin.channel),
            self.access.directory,
            journal,
            self.clock,
            self.timers,
            self.deadlines,
            self.access.rules,
            eligible,
            active.cancelled.is_set,
            resumed=gate,
        )
        run = RestoreRun(
            asked.run_id,
            request,
            requester,
            bench.preflight,
            active.gate,
            journal,
            self.clock,
            active.cancelled.is_set,
        )
        self._start(bench, active, lambda: run.execute())

    def _refresh(self, asked: ev.RunRequested, request: RefreshRequest, bench: Bench) -> None:
        journal = self._journal(asked)
        journal.record(asked)
        requester = asked.origin.person
        active = ActiveRun(asked.run_id, bench.target.name, requester, threading.Event())
        run = RefreshRun(asked.run_id, request, requester, bench, journal, active.cancelled.is_set)
        self._start(bench, active, lambda: run.execute())

    def _start(self, bench: Bench, active: ActiveRun, execute: Callable[[], object]) -> None:
        def work() -> None:
            try:
                execute()
            finally:
                self.claims.release(bench.target.name, active.run_id)

        self.runs.start(active, work)

    def _begin(self, bench: Bench, run_id: str, start: Callable[[], None]) -> None:
        """Start under a claim, which goes back if the start fails."""
        try:
            start()
        except TsbotError:
            self.claims.release(bench.target.name, run_id)
            raise

    def _claim(self, bench: Bench, run_id: str) -> None:
        Claiming(self.claims).take(bench, run_id, HOLDER)

    def _journal(self, asked: ev.RunRequested) -> Journal:
        base = Draft("run", Phase.NOTE, channel=asked.origin.channel, target=asked.target)
        return Journal(self.log, self.presenter, base, self.clock)

    @contextmanager
    def _command(self, origin: Origin, name: str, text: str) -> Iterator[None]:
        """Log a command with how it went, and let only those pass who may use it."""
        spec = next(c for c in COMMANDS if c.name == name)
        with self._logged(origin, name, text):
            self.access.require(origin, name, spec.who)
            yield

    @contextmanager
    def _logged(self, origin: Origin, name: str, text: str, run_id: str = "") -> Iterator[None]:
        draft = Draft(
            "command",
            Phase.NOTE,
            run_id=run_id,
            actor_id=origin.person.id,
            actor_name=origin.person.name,
            channel=origin.channel,
            arguments=f"{name} {text}".strip(),
        )
        try:
            yield
        except TsbotError as error:
            refused = isinstance(error, Refused)
            detail = {"code": error.code} if isinstance(error, Refused) else {}
            self.log.append(
                replace(
                    draft,
                    status="refused" if refused else "failed",
                    detail={**detail, "sentence": str(error)},
                )
            )
            raise
        self.log.append(replace(draft, status="ok"))
