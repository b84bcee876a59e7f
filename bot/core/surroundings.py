"""What else a server is busy with: everybody and everything that a restore could disturb."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """A client's session in any database.

    Args:
        database: where it is.
        user: its role.
        application: its application_name, empty where it gives none.
        address: where it comes from, empty for a local socket.
        busy: seconds its transaction has lasted, 0 where it is in none.
    """

    database: str
    user: str
    application: str
    address: str
    busy: float = 0


@dataclass(frozen=True, slots=True)
class PreparedTransaction:
    """A transaction that waits for COMMIT PREPARED, with or without its client."""

    gid: str
    owner: str


@dataclass(frozen=True, slots=True)
class ReplicationSlot:
    """A slot; a logical one belongs to one database, by its oid.

    Args:
        name: of the slot.
        database: whose changes it decodes, empty for a physical one.
        active: whether somebody reads it.
    """

    name: str
    database: str
    active: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of a database to another server's changes."""

    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Standby:
    """A server, or a program, that is sent this one's write-ahead log.

    Args:
        name: its application_name.
        address: where it is, empty for a local socket.
        waited_for: whether commits wait for it.
    """

    name: str
    address: str
    waited_for: bool


@dataclass(frozen=True, slots=True)
class Archiving:
    """Whether write-ahead log is archived, and how that goes.

    Args:
        on: whether archive_mode is on.
        configured: whether there is a command or a library to do it.
        failing: whether the last attempt failed.
        failures: since the statistics were reset.
    """

    on: bool
    configured: bool
    failing: bool
    failures: int


@dataclass(frozen=True, slots=True)
class Door:
    """Who may enter a database.

    Args:
        name: of the database.
        open: its ALLOW_CONNECTIONS.
        template: whether it is marked as one.
        limit: its CONNECTION LIMIT; -1 is none, -2 what an interrupted DROP DATABASE leaves.
    """

    name: str
    open: bool
    template: bool
    limit: int


@dataclass(frozen=True, slots=True)
class Tablespace:
    """Where files of a database lie, as the server sees it."""

    name: str
    path: str
