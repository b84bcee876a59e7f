"""One run a target, also against bots that share no audit log: an advisory lock on the server."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from bot.core.errors import DatabaseRefused, Refused
from bot.core.models import Target
from bot.core.ports import Cluster

PATIENCE = 2.0
"""Seconds to wait for the lock: whoever looks whether a run lives takes it for an instant."""


@dataclass
class Lease:
    """Holds the lock of one target as long as the context lasts.

    Args:
        target: whose.
        cluster: where.
        patience: seconds to wait for whoever holds it.
    """

    target: Target
    cluster: Cluster
    patience: float = PATIENCE
    _held: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Lease:
        self.renew()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def renew(self) -> None:
        """Take the lock anew; a restart of PostgreSQL has ended the session that held it.

        Raises:
            Refused: another bot works on this database.
        """
        self._held.close()
        lock = self.cluster.advisory_lock(f"tsbot:{self.target.database}", self.patience)
        try:
            self._held.enter_context(lock)
        except DatabaseRefused as error:
            raise Refused(
                "busy",
                f"another tsbot works on {self.target.database}; wait until it is done. ({error})",
            ) from error
