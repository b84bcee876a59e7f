"""What a dump holds, in two lines for people."""

from __future__ import annotations

from bot.core.dump_scan import CATALOG_SCHEMAS
from bot.core.grants import counted_grants
from bot.core.manifest import Manifest
from bot.core.toc import Toc
from bot.core.wording import counted, grouped, shortened

_ROLES = 120


def contents(manifest: Manifest, toc: Toc) -> tuple[str, ...]:
    """Return what is in the dump: data first, then what surrounds it."""
    data = [
        counted(len(manifest.hypertables), "hypertable"),
        counted(len(manifest.chunks), "chunk") + _compressed(manifest),
        counted(len(manifest.continuous_aggregates), "continuous aggregate"),
        counted(len(manifest.jobs), "job"),
        _rows(manifest),
    ]
    around = [
        counted(len(toc.extensions()), "extension"),
        counted(counted_grants(manifest.grants), "grant"),
        *([] if manifest.cron_jobs is None else [counted(manifest.cron_jobs, "pg_cron job")]),
        f"owned by {shortened(', '.join(sorted(toc.owners())), _ROLES) or 'nobody'}",
    ]
    return (", ".join(data), ", ".join(around))


def _compressed(manifest: Manifest) -> str:
    number = manifest.compressed_chunks
    return f" ({grouped(number)} compressed)" if number else ""


def _rows(manifest: Manifest) -> str:
    if manifest.rows is None:
        return "rows not counted"
    counts = [n for (schema, _), n in manifest.rows.items() if schema not in CATALOG_SCHEMAS]
    batches = " (compressed ones by the batch)" if manifest.compressed_chunks else ""
    tables, rows = counted(len(counts), "table"), sum(counts)
    return f"{grouped(rows)} {'row' if rows == 1 else 'rows'}{batches} in {tables}"
