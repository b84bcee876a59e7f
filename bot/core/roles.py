"""Roles of a server, as far as jobs need them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the server.

    Args:
        name: its name.
        can_login: whether a job can run as it.
        superuser: whether it may do everything.
        acts_as: whose privileges it has, among the roles that were asked for.
    """

    name: str
    can_login: bool
    superuser: bool
    acts_as: frozenset[str]
