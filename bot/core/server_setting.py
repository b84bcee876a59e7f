"""A setting of the whole server, as it is in force and as it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """A setting of the whole server.

    Args:
        name: the setting's.
        value: in force now.
        source: what pg_settings says of it, such as ``configuration file`` or ``command line``.
        configured: what the files say for the next start, empty where they say nothing.
    """

    name: str
    value: str
    source: str
    configured: str = ""
