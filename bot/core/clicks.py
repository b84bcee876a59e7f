"""The buttons' side of the desk: what can be done about runs that are there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bot.core import events as ev
from bot.core.access import Access
from bot.core.audit import Draft, Phase
from bot.core.bench import Bench
from bot.core.cancelling import cancelled, not_at_work, required
from bot.core.errors import Refused, TsbotError
from bot.core.launcher import Launcher
from bot.core.models import Decision, Origin
from bot.core.permissions import ARM_RETENTION, CANCEL_RUN, DECISIONS, ButtonSpec, Who
from bot.core.ports import AuditLog, Clock
from bot.core.recovery import Recovery
from bot.core.requests import is_run_id
from bot.core.retention import arm, waiting_after
from bot.core.runs import Runs
from bot.core.wording import shortened


@dataclass(frozen=True, slots=True)
class Clicks:
    """What the buttons ask for; each is logged, with how it went.

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

    def cancel(self, origin: Origin, run_id: str) -> str:
        """Ask a run to stop at its next safe point and return what that does now.

        Raises:
            Refused: not allowed, no such run, too late, or it has ended.
        """
        known = run_id if is_run_id(run_id) else ""
        with self.logged(origin, "cancel", run_id, known):
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
        with self.logged(origin, decision.value, run_id, run_id if is_run_id(run_id) else ""):
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
            DatabaseRefused, Unavailable: they were not armed, and can be with another click.
        """
        with self.logged(origin, "arm retention", run_id, run_id):
            self.access.require(origin, ARM_RETENTION.label, ARM_RETENTION.who)
            waiting = waiting_after(self.log, run_id)
            journal = self.launcher.journal(origin.channel, waiting.target)
            claims, known = self.launcher.claims, self.runs.known
            return arm(waiting, self.benches, claims, journal, origin.person, known)

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
        with self.logged(origin, f"button {button.action}", value):
            raise Refused(
                "wrong_label",
                f"The button “{shortened(shown, 80)}” is not one of mine: it would do what "
                f"“{button.label}” does. Nothing was done; tell who looks after the bot's token.",
            )

    def reaction(self, channel: str, ts: str) -> None:
        """Take note that somebody reacted; what counts is read back by the gate."""
        self.runs.hint(channel, ts)

    @contextmanager
    def logged(self, origin: Origin, name: str, text: str, run_id: str = "") -> Iterator[None]:
        """Log what somebody asked for once it is known how it went."""
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
