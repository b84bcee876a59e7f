"""The desk: takes each command, logs it, refuses it in one sentence or starts the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from bot.core import events as ev
from bot.core.audit import Claim
from bot.core.backups import LATEST
from bot.core.bench import Bench, choose
from bot.core.clicks import Clicks
from bot.core.history import History, ask, parse_history
from bot.core.kept import KeptReport, kept_report, target_of
from bot.core.last_restore import LastRestore, broken_off, last_restore
from bot.core.models import BackupFile, Check, Origin, Person
from bot.core.permissions import (
    COMMANDS,
    CommandSpec,
    Who,
)
from bot.core.points import checklist
from bot.core.refresh import ALL, pick
from bot.core.repair import REPAIR, Repair
from bot.core.requests import (
    new_run_id,
    parse_refresh,
    parse_restore,
    parse_rollback,
    parse_runjob,
    parse_target,
)
from bot.core.rollback import ROLLBACK, RollBack
from bot.core.run_job import RunJob, pick_job
from bot.core.status import Expectations, Status, read_status
from bot.core.unreachable import explained


class TargetReport(NamedTuple):
    """The answer to /tsstatus."""

    status: Status
    checks: tuple[Check, ...]
    restored: LastRestore | None
    claim: Claim | None = None
    broken: ev.RunFinished | None = None
    kept: KeptReport | None = None


class Desk(Clicks):
    """Everything the channel can ask for: the commands, and the buttons beside them."""

    __slots__ = ()

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

    def repair(self, origin: Origin, text: str) -> str:
        """Start a repair and return the run's id.

        Raises:
            Refused: not allowed, no such target, or it is busy.
        """
        with self._command(origin, "/repair", text):
            bench = choose(self.benches, parse_target(text, self.benches))
            asked = self._asked(REPAIR, bench, origin, text)
            self.launcher.change(asked, Repair(bench, self.log), bench)
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
        with self.logged(origin, name, text):
            self.access.require(origin, name, spec.who)
            yield
