"""The desk: takes each command, logs it, refuses it in one sentence or starts the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from bot.core import events as ev
from bot.core.access import Access
from bot.core.audit import Claim, Draft, Phase
from bot.core.backups import LATEST
from bot.core.bench import Bench, choose
from bot.core.cancelling import cancelled, not_at_work, required
from bot.core.errors import Refused, TsbotError
from bot.core.history import History, ask, parse_history
from bot.core.kept import KeptReport, kept_report, target_of
from bot.core.last_restore import LastRestore, broken_off, last_restore
from bot.core.launcher import Launcher
from bot.core.models import BackupFile, Check, Decision, Origin, Person
from bot.core.permissions import (
    ARM_RETENTION,
    CANCEL_RUN,
    COMMANDS,
    DECISIONS,
    ButtonSpec,
    CommandSpec,
    Who,
)
from bot.core.points import checklist
from bot.core.ports import AuditLog, Clock
from bot.core.recovery import Recovery
from bot.core.refresh import ALL, pick
from bot.core.requests import (
    is_run_id,
    new_run_id,
    parse_refresh,
    parse_restore,
    parse_rollback,
    parse_runjob,
    parse_target,
)
from bot.core.retention import arm, waiting_after
from bot.core.rollback import ROLLBACK, RollBack
from bot.core.run_job import RunJob, pick_job
from bot.core.runs import Runs
from bot.core.status import Expectations, Status, read_status
from bot.core.unreachable import explained
from bot.core.wording import shortened


class TargetReport(NamedTuple):
    """The answer to /tsstatus."""

    status: Status
    checks: tuple[Check, ...]
    restored: LastRestore | None
    claim: Claim | None = None
    broken: ev.RunFinished | None = None
    kept: KeptReport | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the channel can ask for.

    Args:
        benches: by target name.
        access: who may do what.
        launcher: starts runs.
        log: the audit log.
        clock: time.
    """

    benches: Mapping[str, Bench]
    access: Access
    launcher: Launcher
    log: AuditLog
    clock: Clock

    @property
    def recovery(self) -> Recovery:
        """Takes care of runs that were interrupted."""
        return Recovery(self.benches, self.launcher)

    @property
    def runs(self) -> Runs:
        """The runs at work."""
        return self.launcher.runs

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
                with explained(bench.target, bench.host):
                    bench.backups.find(request.backup)
            asked = self._asked("restore", bench, origin, text, request.backup)
            self.launcher.restore(asked, request, bench)
            return asked.run_id

    def rollback(self, origin: Origin, text: str) -> str:
        """Start a rollback and return the run's id.

        Raises:
            Refused: not allowed, wrong input, nothing is kept, or the target is busy.
        """
        with self._command(origin, "/rollback", text):
            request = parse_rollback(text, self.benches)
            bench = choose(self.benches, request.target)
            with explained(bench.target, bench.host):
                kept = RollBack(bench, self.log, request.run).choose()
            asked = self._asked(ROLLBACK, bench, origin, text)
            change = RollBack(bench, self.log, kept.run_id, request.reason)
            self.launcher.change(asked, change, bench)
            return asked.run_id

    def roll_back(self, origin: Origin, run_id: str) -> str:
        """Start the rollback of exactly that run, as its button does."""
        return self.rollback(origin, f"{target_of(self.log, run_id)} {run_id}".strip())

    def refresh(self, origin: Origin, text: str) -> str:
        """Start a refresh and return the run's id.

        Raises:
            Refused: not allowed, wrong input, no such view, or the target is busy.
        """
        with self._command(origin, "/refresh", text):
            request = parse_refresh(text, self.benches, self.clock.now())
            bench = choose(self.benches, request.target)
            database = bench.cluster.database(bench.target.database)
            with explained(bench.target, bench.host):
                pick(database.continuous_aggregates(), request.view)
            asked = self._asked("refresh", bench, origin, text)
            self.launcher.refresh(asked, request, bench)
            return asked.run_id

    def refresh_all(self, origin: Origin, target: str) -> str:
        """Start a refresh of all views, as the button does."""
        return self.refresh(origin, f"{ALL} {target}")

    def run_job(self, origin: Origin, text: str) -> str:
        """Run one job now and return the run's id.

        Raises:
            Refused: not allowed, wrong input, no such job, nobody to run it, or the target is busy.
        """
        with self._command(origin, "/runjob", text):
            number, name = parse_runjob(text, self.benches)
            bench = choose(self.benches, name)
            with explained(bench.target, bench.host):
                pick_job(bench.cluster.database(bench.target.database).jobs(), number)
            asked = self._asked("runjob", bench, origin, text)
            self.launcher.change(asked, RunJob(bench, number), bench)
            return asked.run_id

    def status(self, origin: Origin, text: str) -> TargetReport:
        """Return what a target looks like now: the five points, the last restore, the run at work.

        Raises:
            Refused: the wrong channel, or no such target.
        """
        with self._command(origin, "/tsstatus", text):
            bench = choose(self.benches, parse_target(text, self.benches))
            found = read_status(bench.target, bench.host, bench.cluster, self.clock.now())
            name = bench.target.name
            claim = next((c for c in self.launcher.claims.held() if c.target == name), None)
            expected = Expectations(at_work=claim.run_id if claim else "")
            points = checklist(found, expected)
            restored, broken = last_restore(self.log, name), broken_off(self.log, name)
            kept = kept_report(self.log, bench.cluster, bench.target, expected.at_work)
            return TargetReport(found, points, restored, claim, broken, kept)

    def backups(self, origin: Origin, text: str) -> tuple[Bench, tuple[BackupFile, ...]]:
        """Return a target's dumps, the newest first."""
        with self._command(origin, "/backups", text):
            bench = choose(self.benches, parse_target(text, self.benches))
            with explained(bench.target, bench.host):
                return bench, bench.backups.listing()

    def history(self, origin: Origin, text: str) -> History:
        """Return the log's newest entries for a run, a person or a time."""
        with self._command(origin, "/audit", text):
            return ask(parse_history(text, self.clock.now()), self.log)

    def help(self, origin: Origin, text: str) -> tuple[tuple[CommandSpec, bool], ...]:
        """Return each command and whether this person may use it."""
        with self._command(origin, "/tshelp", text):
            inside = self.access.is_member(origin.person)
            return tuple((c, self._may(origin.person, c.who, inside)) for c in COMMANDS)

    def cancel(self, origin: Origin, run_id: str) -> str:
        """Ask a run to stop at its next safe point and return what that does now.

        Raises:
            Refused: not allowed, no such run, too late, or it has ended.
        """
        known = run_id if is_run_id(run_id) else ""
        with self._logged(origin, "cancel", run_id, known):
            run = self.runs.find(run_id)
            if run is None:  # whose it was does not matter any more, only where that is asked
                self.access.require(origin, CANCEL_RUN.label, Who.MEMBER)
                raise not_at_work(run_id, self.log, self.runs)
            self.access.require(origin, CANCEL_RUN.label, CANCEL_RUN.who, run.requester.id)
            effect = required(run_id, self.log)
            asked = ev.CancelAsked(
                run_id=run_id, at=self.clock.now(), person=origin.person, effect=effect
            )
            self.launcher.journal(origin.channel, run.target).record_safe(asked)
            if not self.runs.cancel(run_id):
                raise not_at_work(run_id, self.log, self.runs)
            return cancelled(run_id, effect)

    def decide(self, origin: Origin, run_id: str, decision: Decision) -> None:
        """Resume, roll back or abandon a run whose process died.

        Raises:
            Refused: not allowed, that run does not wait for it, or it is not possible.
        """
        button = DECISIONS[decision]
        with self._logged(origin, decision.value, run_id, run_id if is_run_id(run_id) else ""):
            run = self.runs.stalled(run_id)
            if run is None or run.asked is None:
                self.access.require(origin, button.label, Who.MEMBER)
                raise Refused("not_stalled", f"Run “{run_id}” does not wait for a decision.")
            self.access.require(origin, button.label, button.who, run.asked.origin.person.id)
            self.recovery.decide(run, decision, origin.person)

    def arm_retention(self, origin: Origin, run_id: str) -> tuple[int, ...]:
        """Let the retention jobs run again that a restore left paused, and return their ids.

        Raises:
            Refused: not an approver, or nothing waits.
        """
        with self._logged(origin, "arm retention", run_id, run_id):
            self.access.require(origin, ARM_RETENTION.label, ARM_RETENTION.who)
            waiting = waiting_after(self.log, run_id)
            journal = self.launcher.journal(origin.channel, waiting.target)
            arm(waiting, self.benches, self.launcher.claims, journal, origin.person)
            return waiting.jobs

    def require_label(self, origin: Origin, button: ButtonSpec, shown: str, value: str) -> None:
        """Let a click pass whose button said what it does.

        Who has stolen the bot's token can post our action under a harmless label.

        Args:
            origin: who clicked, and where.
            button: whose action it is.
            shown: what the clicked button said.
            value: the run or target it is about.

        Raises:
            Refused: it said something else than ours do.
        """
        if shown == button.label:
            return
        with self._logged(origin, f"button {button.action}", value):
            raise Refused(
                "wrong_label",
                f"The button “{shortened(shown, 80)}” is not one of mine: it would do what "
                f"“{button.label}” does. Nothing was done; tell who looks after the bot's token.",
            )

    def reaction(self, channel: str, ts: str) -> None:
        """Take note that somebody reacted; what counts is read back by the gate."""
        self.runs.hint(channel, ts)

    def _may(self, person: Person, who: Who, inside: bool) -> bool:
        return who is Who.ANYONE or (inside and self.access.may(person, who))

    def _asked(
        self, operation: str, bench: Bench, origin: Origin, text: str, backup: str = ""
    ) -> ev.RunRequested:
        return ev.RunRequested(
            run_id=new_run_id(),
            at=self.clock.now(),
            operation=operation,
            target=bench.target.name,
            origin=origin,
            backup=backup,
            arguments=text,
        )

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
