"""A target together with the engine and the server it lives on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.backups import Backups
from bot.core.errors import Refused
from bot.core.models import Strategy, Target
from bot.core.ports import Clock, Cluster, ContainerHost
from bot.core.prepare import Preflight


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything needed to work on one target."""

    target: Target
    host: ContainerHost
    cluster: Cluster
    clock: Clock

    def under(self, strategy: Strategy | None) -> Bench:
        """Return the bench with another strategy than the target's own; None leaves that."""
        if strategy is None:
            return self
        return replace(self, target=replace(self.target, strategy=strategy))

    @property
    def preflight(self) -> Preflight:
        """Makes plans for this target."""
        return Preflight(self.target, self.host, self.cluster, self.clock)

    @property
    def backups(self) -> Backups:
        """The target's dumps."""
        return Backups(self.target, self.cluster, self.clock)


def choose(benches: Mapping[str, Bench], name: str) -> Bench:
    """Return the bench of a target, or the only one there is.

    Args:
        benches: by target name.
        name: a target's name, empty where the person named none.

    Raises:
        Refused: no such target, or several to choose from.
    """
    known = ", ".join(sorted(benches))
    if name in benches:
        return benches[name]
    if name:
        raise Refused("unknown_target", f"There is no target “{name}”; there is: {known}.")
    if len(benches) > 1:
        raise Refused("which_target", f"Name the target, one of: {known}.")
    return next(iter(benches.values()))
