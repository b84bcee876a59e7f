"""What of a restore's plan changed while it waited for approval."""

from __future__ import annotations

from bot.core.gate_keeping import Drift
from bot.core.plan import Plan


def restore_drift(old: Plan, new: Plan) -> Drift:
    """Name what changed; another dump is another request."""
    changes = (
        (
            "the dump",
            (old.backup.file.size, old.backup.sha256),
            (new.backup.file.size, new.backup.sha256),
        ),
        ("the live database", old.live and old.live.oid, new.live and new.live.oid),
        ("the restored copy", old.evidence, new.evidence),
        ("the container", old.container.id, new.container.id),
        ("the server", old.system_identifier, new.system_identifier),
        ("TimescaleDB's version", old.timescaledb_after, new.timescaledb_after),
        ("the running applications", _ids(old), _ids(new)),
    )
    changed = [what for what, before, after in changes if before != after]
    sentence = f"{' and '.join(changed) or 'the plan'} changed after the request"
    return Drift(sentence, final=not {"the dump", "the restored copy"}.isdisjoint(changed))


def _ids(plan: Plan) -> frozenset[str]:
    return frozenset(a.id for a in plan.applications)
