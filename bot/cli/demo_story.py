"""What happens in the demo: a restore, rows that are written after it, and the way back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TextIO

from bot.cli.demo_scene import Ended, Scene, entries, log
from bot.cli.demo_screen import Screen
from bot.core.wording import counted
from bot.sandbox.demo.stop import Stop
from bot.sandbox.demo.uses import uses
from bot.sandbox.demo.world import READER, WRITER, DemoFailed, World

RESTORE = "/restore latest reason=show how it works"
ROLLBACK = "/rollback reason=show the way back"

_ROWS = 5
"""Rows to be written between restore and rollback, so that something would be lost from sight."""

_WRITTEN_WITHIN, _LOOK = 30.0, 0.1
"""Seconds for that, and between two looks."""


@dataclass(frozen=True, slots=True)
class Story:
    """Tells it, from the bot's log alone.

    Args:
        world: in which.
        out: where to; lines are folded where it is a terminal.
        stop: asked while it waits.
    """

    world: World
    out: TextIO
    stop: Stop = field(default_factory=Stop)

    def tell(self) -> bool:
        """Restore, roll back, and return whether every point was green both times.

        Raises:
            DemoFailed: a run did not end, or the bot did.
            KeyboardInterrupt: somebody asked to stop.
        """
        screen = Screen(self.out)
        scene = Scene(self.world, screen, self.stop)
        ended = [scene.play(RESTORE)]
        if ended[0].good:
            self._write(screen)
            ended.append(scene.play(ROLLBACK))
        for each in ended:
            self._audit_trail(screen, each.run.run_id)
        self._verify(screen)
        for each in ended:
            self._summary(screen, each)
        return len(ended) > 1 and all(each.good for each in ended)

    def _write(self, screen: Screen) -> None:
        """Wait until the restored database has been written to."""
        writer, since = self.world.application(WRITER).log, time.time()
        deadline = time.monotonic() + _WRITTEN_WITHIN
        while len([at for at in uses(writer, since) if at >= since]) < _ROWS:
            if time.monotonic() > deadline:
                raise DemoFailed(f"{WRITER} does not write again")
            self.stop.wait(_LOOK)
        screen.say(
            f"\n{WRITER} goes on in the restored database: {counted(_ROWS, 'row')} more. Now the "
            "restore turns out to be a mistake."
        )

    def _audit_trail(self, screen: Screen, run_id: str) -> None:
        """Print every action of a run."""
        screen.say(f"\nThe audit log of run {run_id}:")
        for entry in entries(self.world):
            draft = entry.draft
            if draft.run_id != run_id:
                continue
            what = f"{draft.action} {draft.phase.value} {draft.status}".strip()
            screen.say(f"  {entry.id:>4}  {entry.at:%H:%M:%S}  {draft.actor_name:<6}  {what}")

    def _verify(self, screen: Screen) -> None:
        with log(self.world) as it:
            verified = it.verify()
        state = "intact" if verified.intact else f"BROKEN: {verified.problem}"
        screen.say(f"  the hash chain of {verified.entries} entries is {state}")

    def _summary(self, screen: Screen, ended: Ended) -> None:
        """Print who asked, who approved, what came of it, and what the reader felt."""
        run = ended.run
        drafts = [e.draft for e in entries(self.world) if e.draft.run_id == run.run_id]
        asked = [f"{d.actor_name}, {d.action}" for d in drafts if d.phase.value == "intent"][:1]
        voted = [f"{d.actor_name} ({d.status})" for d in drafts if d.action == "vote"]
        screen.say(f"\nAsked by     {', '.join(asked) or 'nobody'}")
        screen.say(f"Voted        {', '.join(voted) or 'nobody'}")
        screen.say(f"Outcome      {run.outcome}: {run.sentence}")
        if ended.missed is not None:
            screen.say(
                f"Downtime     {READER} could not read for {ended.missed:.1f} s "
                f"of the run's {run.seconds:.1f} s"
            )
