"""Each run whose process died is found, looked at, told of, and waits.

A run that stood at its gate goes on waiting there. One that had begun nothing is closed. For all
others people decide: resume, roll back, or abandon.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core import events as ev
from bot.core.aftermath import left_behind, standing
from bot.core.bench import Bench, choose
from bot.core.change_plan import ChangePlan
from bot.core.changes import can_be_taken_up, change_of
from bot.core.claiming import is_free
from bot.core.errors import Refused, TsbotError
from bot.core.interrupted import Unfinished, read_run, require_intact, unfinished
from bot.core.launcher import Launcher
from bot.core.models import Decision, Person
from bot.core.open_gate import OpenGate
from bot.core.past import Past
from bot.core.plan import StepName
from bot.core.requests import parse_restore
from bot.core.retention import armable
from bot.core.survey import Survey, in_short, survey
from bot.core.wording import ended

logger = logging.getLogger(__name__)

NAMES = "Look which database has which name: see “What happened” in the README."


@dataclass(frozen=True, slots=True)
class Recovery:
    """Takes care of what another process left unfinished.

    Args:
        benches: by target name.
        launcher: starts runs, holds the log and the claims.
    """

    benches: Mapping[str, Bench]
    launcher: Launcher

    def found(self) -> tuple[Unfinished, ...]:
        """Return the runs whose process died: an earlier bot's, and those of a dead command line.

        Those that this process takes care of already are left out.
        """
        claims, runs = self.launcher.claims, self.launcher.runs
        dead = (c for c in claims.held() if not (runs.known(c.run_id) or claims.alive(c.run_id)))
        return unfinished(self.launcher.log, tuple(dead))

    def pick_up(self, runs: Sequence[Unfinished]) -> None:
        """Take each up as far as that needs nobody's word."""
        for run in runs:
            try:
                self._pick_up(run)
            except TsbotError:
                logger.exception("run %s could not be picked up", run.run_id)

    def _pick_up(self, run: Unfinished) -> None:
        asked, past = run.asked, run.past
        if asked is None or run.ended:
            self.close(run, "")
            return
        if not run.begun and not self._waits(run):
            self.close(run, "tsbot ended before anything was changed; ask again.")
            return
        try:
            bench = choose(self.benches, asked.target)
        except Refused as refusal:  # the settings changed meanwhile
            self.close(run, f"{ended(refusal.sentence)} {account(run)}")
            return
        gate = self._waits(run)
        if gate is not None and not (
            past and (past.destructive or past.broken or self._doubtful(run, past, bench))
        ):
            if run.begun or is_free(bench):
                self._wait_on(run, asked, bench, gate)
            # else the server is not there yet, or keeps the lock of a host that is gone for a
            # minute: who looks again in a moment finds the run as it is
        elif past is None or not past.weighs:
            self.close(run, account(run))
        else:
            self._tell(run, past, bench)

    def _doubtful(self, run: Unfinished, past: Past, bench: Bench) -> bool:
        """Whether going on would be on the word of a log that somebody has changed, or in vain:
        after a reboot the bot may be there before the server with the copy is, and the server may
        keep the lock of a host that is gone for a minute."""
        if not run.begun:
            return False
        intact = self.launcher.log.verify().intact
        return not (intact and survey(past, bench).asked and is_free(bench))

    def _waits(self, run: Unfinished) -> OpenGate | None:
        """Return the gate that the run still stands at."""
        waiting = {deadline.run_id for deadline in self.launcher.deadlines.pending()}
        return run.gate if run.run_id in waiting else None

    def _wait_on(
        self, run: Unfinished, asked: ev.RunRequested, bench: Bench, gate: OpenGate
    ) -> None:
        plan = gate.notice.plan
        if isinstance(plan, ChangePlan):
            change = change_of(plan, bench, self.launcher.log)
            if change is None:
                self.close(run, "tsbot ended before it was approved; ask again.")
            else:
                self.launcher.change(asked, change, bench, gate)
        elif run.begun:
            self.launcher.take_up(run, Decision.RESUME, bench, gate)
        else:
            request = parse_restore(asked.arguments, self.benches)
            self.launcher.resume(asked, request, bench, gate)

    def _tell(self, run: Unfinished, past: Past, bench: Bench) -> None:
        """Say what is there, and offer what can be done, once for the same findings."""
        found = survey(past, bench)
        event = ev.RunInterrupted(
            run_id=run.run_id,
            at=self.launcher.clock.now(),
            sentence=f"tsbot died {in_short(past)}; nothing goes on until somebody decides.",
            findings=found.findings,
            offers=tuple(offers(past, found)),
            wakes=self._deciders(run),
        )
        self.launcher.runs.stall(run)
        told = run.told
        asked = run.asked
        if asked is not None and (told is None or told.findings != event.findings):
            # told also where the log has no room: nobody may hear of it otherwise
            self.launcher.journal(asked.origin.channel, asked.target).record_safe(event)

    def _deciders(self, run: Unfinished) -> tuple[str, ...]:
        requester = (run.asked.origin.person.id,) if run.asked else ()
        return tuple(dict.fromkeys((*requester, *self.launcher.access.rules.approvers)))

    def decide(self, run: Unfinished, decision: Decision, by: Person) -> None:
        """Do with an interrupted run what somebody decided; logged before it is done.

        Raises:
            Refused: that cannot be done, or not any more.
        """
        with self.launcher.runs.deciding:
            if self.launcher.runs.stalled(run.run_id) is None:
                raise Refused("decided", f"Somebody has decided on run {run.run_id} just now.")
            self._decide(run, decision, by)

    def _decide(self, run: Unfinished, decision: Decision, by: Person) -> None:
        run = read_run(self.launcher.log, run.run_id)  # somebody may have decided on the terminal
        asked, past = run.asked, run.past
        if asked is None or past is None or run.ended:
            self.launcher.runs.settle(run.run_id)
            raise Refused("nothing_to_decide", f"Run {run.run_id} waits for nothing any more.")
        if decision is not Decision.ABANDON:
            require_intact(self.launcher.log)
        bench = choose(self.benches, asked.target)
        if self.launcher.claims.alive(run.run_id):
            raise Refused("busy", f"Another process works on run {run.run_id}.")
        if decision is not Decision.ABANDON and not is_free(bench):
            raise Refused("busy", f"Another tsbot works on {asked.target}, or it can't be asked.")
        found = survey(past, bench)
        require_answers(found, decision)
        possible = tuple(offers(past, found))
        if decision not in possible:
            names = " or ".join(offer.value for offer in possible)
            there = "; ".join(found.findings)
            raise Refused(
                "not_possible",
                f"To {decision.value} is not possible: {there}. Possible is to {names}.",
            )
        self.launcher.journal(asked.origin.channel, asked.target).record(
            ev.DecisionTaken(
                run_id=run.run_id, at=self.launcher.clock.now(), person=by, decision=decision
            )
        )
        if decision is Decision.ABANDON:
            self.close(run, account(run, found.turned))
        else:
            self.launcher.take_up(run, decision, bench)

    def close(self, run: Unfinished, sentence: str) -> None:
        """End a run for good, leave everything as it is, and give its claim back."""
        asked = run.asked
        if asked is not None and not run.ended:
            now = self.launcher.clock.now()
            self.launcher.journal(asked.origin.channel, asked.target).record(
                ev.RunFinished(
                    run_id=run.run_id,
                    at=now,
                    outcome="interrupted",
                    sentence=sentence,
                    seconds=(now - asked.at).total_seconds(),
                    requester=asked.origin.person,
                )
            )
        self.launcher.runs.settle(run.run_id)
        for claim in self.launcher.claims.held():
            if claim.run_id == run.run_id:
                self.launcher.claims.release(claim.target, claim.run_id)


def offers(past: Past, found: Survey) -> Iterator[Decision]:
    """Yield what can be done: after a failure there is nothing to go on with."""
    if can_be_taken_up(past.plan):
        if found.turned or not past.broken:
            yield Decision.RESUME
        if not found.turned:
            yield Decision.UNDO
    yield Decision.ABANDON


def require_answers(found: Survey, decision: Decision) -> None:
    """Let nobody but who abandons a run decide while nobody knows what is there.

    Raises:
        Refused: Docker or PostgreSQL did not answer.
    """
    if not found.asked and decision is not Decision.ABANDON:
        there = "; ".join(found.findings)
        raise Refused("not_now", f"To {decision.value} is not possible now: {there}. Try again.")


def account(run: Unfinished, turned: bool | None = None) -> str:
    """Say what was going on and what somebody has to look at now.

    Args:
        run: the run.
        turned: whether the databases were found to have changed places, None where nobody looked.
    """
    past = run.past
    if past is None:
        begun = run.begun
        what = f"tsbot died in the middle of: {begun[-1].intent}" if begun else "tsbot died"
        return f"{what}. Nothing has to be taken back; ask again."
    if isinstance(past.plan, ChangePlan):
        return _of_a_change(past, past.plan)
    if turned is None:
        turned = past.turned or (None if StepName.CUT_OVER in past.begun else False)
    left = left_behind(past.plan, standing(run.events), turned=turned, paused=armable(past))
    where = f"tsbot died {in_short(past)}; nothing goes on, and nothing was taken back."
    return f"{where} {left}"


def _of_a_change(past: Past, plan: ChangePlan) -> str:
    where = f"tsbot died {in_short(past)}; nothing goes on, and nothing was taken back."
    if not past.destructive:
        return f"{where} Nothing has to be taken back; ask again."
    down = " ".join(a.name for a in plan.applications)
    start = f" The applications may be DOWN: docker start {down}." if down else ""
    return f"{where}{start} {NAMES}"
