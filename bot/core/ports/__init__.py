"""What the core needs from outside, as small protocols; adapters implement them.

Every method raises only members of `bot.core.errors`: `Unavailable` where asking again may help,
`EngineRefused` or `DatabaseRefused` where the other side said no.
"""

from bot.core.ports.audit import AuditLog, Claims, Deadlines, Deliveries, Witness
from bot.core.ports.chat import Ballot, BallotReading, BallotRef, Directory, Presenter, Reaction
from bot.core.ports.containers import ContainerHost, ExecResult, OnChunk, OnLine, Stream
from bot.core.ports.database import Cluster, Database
from bot.core.ports.time import Clock, Timers

__all__ = [
    "AuditLog",
    "Ballot",
    "BallotReading",
    "BallotRef",
    "Claims",
    "Clock",
    "Cluster",
    "ContainerHost",
    "Database",
    "Deadlines",
    "Deliveries",
    "Directory",
    "ExecResult",
    "OnChunk",
    "OnLine",
    "Presenter",
    "Reaction",
    "Stream",
    "Timers",
    "Witness",
]
