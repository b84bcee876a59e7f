"""Owners, grants and versions of a restored database held against those of the one it replaces.

What differs may be meant so: it warns and stops nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.grants import Grants, missing
from bot.core.inventory import Inventory
from bot.core.models import Check, Verdict
from bot.core.wording import counted

_SHOWN = 5
_INTERNAL = "_timescaledb_internal."
"""Chunks: they follow their hypertable, and their numbers mean other data in the other database."""


def against_live(live: str, old: Inventory, new: Inventory) -> Iterator[Check]:
    """Yield one check for owners, grants and extensions of what is in both.

    Args:
        live: the old database's name.
        old: what it holds.
        new: what was restored.
    """
    both = {n for n in old.owners.keys() & new.owners.keys() if not n.startswith(_INTERNAL)}
    moved = [n for n in sorted(both) if old.owners[n] != new.owners[n]]
    yield _check(
        f"owners against {live}",
        f"{counted(len(both), 'object')} that {live} has as well belong to the same roles",
        f"{counted(len(moved), 'object')} of {live} would change owner and its rights",
        [f"{n} ({old.owners[n]} → {new.owners[n]})" for n in moved],
    )
    lost = list(missing(_of(old, both), new.grants))
    yield _check(
        f"grants against {live}",
        f"whoever was granted something on them in {live} keeps it",
        f"{counted(len(lost), 'grant')} of {live} would be lost",
        lost,
    )
    versions = [
        f"{name} {old.extensions[name]} → {new.extensions.get(name, 'none')}"
        for name in sorted(old.extensions)
        if name != "pg_cron" and old.extensions[name] != new.extensions.get(name)
    ]
    yield _check(
        f"extensions against {live}",
        f"extensions have the versions they have in {live}",
        f"{counted(len(versions), 'extension')} of {live} would change",
        versions,
    )


def _of(old: Inventory, names: set[str]) -> Grants:
    """Return the grants on these objects, without those that an owner gives itself."""
    return {
        name: {role: held for role, held in roles.items() if role != old.owners[name]}
        for name, roles in old.grants.items()
        if name in names
    }


def _check(name: str, same: str, differs: str, names: list[str]) -> Check:
    if not names:
        return Check(name, Verdict.OK, same)
    listed = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    return Check(name, Verdict.WARNING, f"{differs}: {listed}", "grant or give them again after it")
