"""Sets runs going: the claim first, then the request in the log, then a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.core import events as ev
from bot.core.access import Access
from bot.core.audit import Claim, Draft, Phase
from bot.core.bench import Bench
from bot.core.change_run import Change, ChangeRun
from bot.core.claiming import Claiming
from bot.core.errors import AuditUnavailable, Refused, TsbotError
from bot.core.gate import POLL, SlackGate
from bot.core.interrupted import Unfinished
from bot.core.journal import Journal
from bot.core.models import Decision, Person
from bot.core.open_gate import OpenGate
from bot.core.ports import AuditLog, Ballot, Claims, Clock, Deadlines, Presenter, Timers, Witness
from bot.core.prepare import RestoreRequest
from bot.core.refresh import RefreshRun
from bot.core.requests import RefreshRequest
from bot.core.runner import RestoreRun
from bot.core.runs import ActiveRun, Runs
from bot.core.taking_up_any import taken_up

logger = logging.getLogger(__name__)

_OWED = 2.0  # seconds between tries to write to a log that had no room

HOLDER = "tsbot"
"""Who holds a claim that the bot took; the command line takes its own under ``cli:USER``."""

MYSELF = Person("tsbot", "tsbot")
"""Who asks where nobody did; it is no Slack id, so every approver's vote counts."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts runs in this process.

    Args:
        access: who may approve.
        log: the audit log.
        claims: one run a target.
        deadlines: when gates expire.
        presenter: shows runs.
        ballots: gate messages of a channel.
        timers: wake gates.
        clock: time.
        poll: seconds between a gate's looks without a hint.
        runs: the runs at work.
        witness: keeps the log's heads elsewhere, None where nobody does.
    """

    access: Access
    log: AuditLog
    claims: Claims
    deadlines: Deadlines
    presenter: Presenter
    ballots: Callable[[str], Ballot]
    timers: Timers
    clock: Clock
    poll: float = POLL
    runs: Runs = field(default_factory=Runs)
    witness: Witness | None = None

    def restore(self, asked: ev.RunRequested, request: RestoreRequest, bench: Bench) -> None:
        """Start a restore.

        Raises:
            Refused: the target is busy.
            AuditUnavailable: the request cannot be logged.
            ChatUnavailable: Slack can't be asked who may approve.
        """
        self._claim(bench, asked)
        with self._claim_given_back(bench, asked.run_id):
            # asked before anything is logged: a run that Slack keeps from starting leaves no trace
            eligible = self.access.approvers(fresh=True)
            journal = self.journal(asked.origin.channel, asked.target)
            journal.record(asked)
            self._restore(asked, request, bench, journal, eligible, None)

    def resume(
        self, asked: ev.RunRequested, request: RestoreRequest, bench: Bench, gate: OpenGate
    ) -> None:
        """Go on waiting at a gate from before a restart of the bot; the claim is still held."""
        self._keep_claim(asked)
        with self._claim_given_back(bench, asked.run_id):
            journal = self.journal(asked.origin.channel, asked.target)
            self.presenter.show(asked)
            self._restore(asked, request, bench, journal, gate.notice.eligible, gate)

    def change(
        self,
        asked: ev.RunRequested,
        change: Change,
        bench: Bench,
        resumed: OpenGate | None = None,
    ) -> None:
        """Start a change that is no restore. Raises as `restore` does.

        Args:
            asked: the request.
            change: what is to be done.
            bench: where.
            resumed: the gate at which it stood before a restart of the bot, whose claim is still
                held; None for a new one.
        """
        if resumed is None:
            self._claim(bench, asked)
        else:
            self._keep_claim(asked)
        with self._claim_given_back(bench, asked.run_id):
            journal = self.journal(asked.origin.channel, asked.target)
            if resumed is None:
                eligible = self.access.approvers(fresh=True)
                journal.record(asked)
            else:
                eligible = resumed.notice.eligible
                self.presenter.show(asked)
            active = _active(asked)
            active.gate = self._gate(asked, active, journal, eligible, resumed)
            run = ChangeRun(
                asked.run_id,
                change,
                asked.origin.person,
                bench,
                active.gate,
                journal,
                active.cancelled.is_set,
            )
            self._start(bench, active, journal, run.execute)

    def refresh(self, asked: ev.RunRequested, request: RefreshRequest, bench: Bench) -> None:
        """Start a refresh. Raises as `restore` does."""
        self._claim(bench, asked)
        with self._claim_given_back(bench, asked.run_id):
            journal = self.journal(asked.origin.channel, asked.target)
            journal.record(asked)
            active = _active(asked)
            run = RefreshRun(
                asked.run_id,
                request,
                asked.origin.person,
                bench,
                journal,
                active.cancelled.is_set,
            )
            self._start(bench, active, journal, run.execute)

    def journal(self, channel: str, target: str) -> Journal:
        """Return a way into the log for what happens to a target."""
        base = Draft("run", Phase.NOTE, channel=channel, target=target)
        return Journal(self.log, self.presenter, base, self.clock, self.witness)

    def take_up(
        self, run: Unfinished, decision: Decision, bench: Bench, gate: OpenGate | None = None
    ) -> None:
        """Go on with an interrupted run, or take it back; its claim is still held.

        Args:
            run: what the log has of it.
            decision: RESUME or UNDO.
            bench: where.
            gate: the gate it stood at, None for none.

        Raises:
            Refused: another run has taken the target meanwhile, or another process this run.
        """
        self.runs.door.require_open()
        asked, past = run.asked, run.past
        if asked is None or past is None:
            raise Refused("nothing_to_take_up", f"Run {run.run_id} came to no plan; ask again.")
        if run.run_id not in {c.run_id for c in self.claims.held()}:
            raise Refused("taken_over", f"Another run has taken {asked.target} since; see /audit.")
        eligible = gate.notice.eligible if gate else self.access.approvers(fresh=True)
        journal = self.journal(asked.origin.channel, asked.target)
        active = _active(asked)
        active.gate = self._gate(asked, active, journal, eligible, gate)
        execute = taken_up(
            asked, past, decision, bench, active.gate, journal, self.log, active.cancelled.is_set
        )
        self._keep_claim(asked)  # nothing can keep it from being started after that
        self._start(bench, active, journal, execute)  # first: it is known at any moment
        self.runs.settle(run.run_id)

    def _restore(
        self,
        asked: ev.RunRequested,
        request: RestoreRequest,
        bench: Bench,
        journal: Journal,
        eligible: frozenset[str],
        resumed: OpenGate | None,
    ) -> None:
        active = _active(asked)
        active.gate = self._gate(asked, active, journal, eligible, resumed)
        run = RestoreRun(
            asked.run_id,
            request,
            asked.origin.person,
            bench.under(request.strategy),
            active.gate,
            journal,
            active.cancelled.is_set,
        )
        self._start(bench, active, journal, run.execute)

    def _gate(
        self,
        asked: ev.RunRequested,
        active: ActiveRun,
        journal: Journal,
        eligible: frozenset[str],
        resumed: OpenGate | None,
    ) -> SlackGate:
        return SlackGate(
            self.ballots(self.access.place(asked.origin.channel)),
            self.access.directory,
            journal,
            self.clock,
            self.timers,
            self.deadlines,
            self.access.rules,
            eligible,
            active.cancelled.is_set,
            resumed=resumed,
            poll=self.poll,
            door=self.runs.door,
        )

    def _claim(self, bench: Bench, asked: ev.RunRequested) -> None:
        self.runs.door.require_open()
        if not _own(asked):
            self.runs.make_way(bench.target.name)
        self._refuse_before_a_decision(bench)
        Claiming(self.claims, self.runs.known, self.log).take(bench, asked.run_id, HOLDER)

    def _keep_claim(self, asked: ev.RunRequested) -> None:
        """Let this process be the one that works on a run of an earlier process."""
        self.claims.take(Claim(asked.target, asked.run_id, HOLDER, self.clock.now()))

    def _refuse_before_a_decision(self, bench: Bench) -> None:
        """Whoever asks for a target that an interrupted run holds is told what it waits for."""
        for claim in self.claims.held():
            if claim.target == bench.target.name and self.runs.stalled(claim.run_id):
                raise Refused(
                    "stalled",
                    f"Run {claim.run_id} was interrupted and holds {claim.target}; press Resume, "
                    "Take back or Abandon on its card first.",
                )

    def _start(
        self, bench: Bench, active: ActiveRun, journal: Journal, execute: Callable[[], object]
    ) -> None:
        def work() -> None:
            try:
                execute()
            finally:
                self._give_back(bench.target.name, active.run_id, journal)

        self.runs.start(active, work)

    def _give_back(self, target: str, run_id: str, journal: Journal) -> None:
        """Log what is still owed and give the claim back; a log without room is waited for."""
        while True:
            try:
                journal.settle()
                self.deadlines.remove(f"gate:{run_id}")
                self.claims.release(target, run_id)
            except AuditUnavailable as error:
                logger.warning("run %s waits for the audit log: %s", run_id, error)
                self.clock.wait(_OWED)
            else:
                return

    @contextmanager
    def _claim_given_back(self, bench: Bench, run_id: str) -> Iterator[None]:
        """Give the claim back if the start fails; once started, the run's thread does."""
        try:
            yield
        except TsbotError:
            self.claims.release(bench.target.name, run_id)
            raise


def _active(asked: ev.RunRequested) -> ActiveRun:
    person = asked.origin.person
    return ActiveRun(asked.run_id, asked.target, person, threading.Event(), yields=_own(asked))


def _own(asked: ev.RunRequested) -> bool:
    """Whether the bot itself has asked."""
    return asked.origin.person == MYSELF
