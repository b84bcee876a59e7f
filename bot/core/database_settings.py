"""A database's owner, grants, limit and settings, for the one that replaces it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """One row's entry of pg_db_role_setting; ``role`` None is the database's own."""

    role: str | None
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DatabaseGrant:
    """One privilege on a database; ``role`` None is PUBLIC."""

    role: str | None
    privilege: str
    grantable: bool


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """What a plain pg_dump leaves out of a database.

    Args:
        stored: role (None for all), name and value of each ALTER DATABASE / ALTER ROLE IN
            DATABASE setting, without ``timescaledb.restoring``.
        limit: of connections, -1 for none.
        grants: role (None for PUBLIC), privilege and whether it may be passed on; None where
            nothing was ever granted or revoked.
        owner: the database's own, empty to leave it to whoever has it.
    """

    stored: tuple[StoredSetting, ...] = ()
    limit: int = -1
    grants: tuple[DatabaseGrant, ...] | None = None
    owner: str = ""
