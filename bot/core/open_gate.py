"""A gate whose message stands in the channel."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core import events as ev
from bot.core.approvals import GateNotice
from bot.core.ports import BallotRef


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A gate whose message stands in the channel, also one from before a restart of the bot.

    Args:
        notice: what its message says.
        ref: where that is.
        answered: the votes that were logged and answered before the restart.
    """

    notice: GateNotice
    ref: BallotRef
    answered: tuple[ev.VoteTaken, ...] = ()
