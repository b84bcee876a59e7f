"""Where timescaledb.restoring can be left on, and how each place is put right."""

from __future__ import annotations

from bot.core.models import RestoringLayer

_SETTING = "timescaledb.restoring"


def named(layer: RestoringLayer) -> str:
    """Return a layer as people call it, such as ``database tsdb`` or ``role app``."""
    return f"{layer.where} {layer.detail}".strip()


def remedy(layer: RestoringLayer, database: str) -> str:
    """Return the statement, or the words where none does it, that takes the setting away.

    Args:
        layer: where it is set.
        database: the one that was looked at.
    """
    where = layer.where
    if where == "database":
        return f"ALTER DATABASE {_quoted(database)} RESET {_SETTING}"
    if where == "role":
        role = "ALL" if layer.detail == "all roles" else _quoted(layer.detail)
        return f"ALTER ROLE {role} RESET {_SETTING}"
    if where == "database and role":
        return (
            f"ALTER ROLE {_quoted(layer.detail)} IN DATABASE {_quoted(database)} RESET {_SETTING}"
        )
    if where == "system" and ":" in layer.detail:  # a line of postgresql.auto.conf
        return f"ALTER SYSTEM RESET {_SETTING}, then SELECT pg_reload_conf()"
    if where == "system":
        return f"take it out of the server's {layer.detail}, then restart PostgreSQL"
    return f"take it out of {layer.detail}, then SELECT pg_reload_conf()"


def remedies(layers: tuple[RestoringLayer, ...], database: str) -> str:
    """Return what puts right every layer that turns restoring on, and wakes the workers."""
    each = [remedy(layer, database) for layer in layers if layer.on]
    # Where no layer shows it, the setting lies with the database as pre_restore leaves it.
    cures = each or [f"ALTER DATABASE {_quoted(database)} RESET {_SETTING}"]
    return "; ".join(cures) + "; then restart the workers, or PostgreSQL"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
