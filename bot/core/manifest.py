"""What a dump says of itself, read from TimescaleDB's catalog inside it.

pg_restore prints the catalog as COPY blocks; versions, chunks, continuous aggregates and jobs
follow from them without a server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.core.cron import CronJob
from bot.core.errors import Refused
from bot.core.grants import Grants
from bot.core.retention_guard import Expiring, expiring
from bot.core.sql_names import Relation, relation, shown, unquoted

USER_JOBS = 1000
"""Job ids below this are TimescaleDB's own and not part of a dump."""

_COPY = re.compile(r"^COPY (?P<table>\S+) \((?P<columns>[^)]*)\) FROM stdin;$")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
"""Source: COPY's text format; any other character after a backslash stands for itself."""

Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class DumpedJob:
    """A job as the dump has it; its owner is data, so ``--no-owner`` does not remap it."""

    id: int
    procedure: str
    owner: str
    scheduled: bool
    relation: str  # schema.name it works on, the view's for a continuous aggregate
    drop_after: str  # of a retention policy, empty for others

    @property
    def description(self) -> str:
        """One line for people."""
        after = f", drops data older than {self.drop_after}" if self.drop_after else ""
        return f"job {self.id} {self.procedure} on {self.relation or 'nothing'}{after}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The dump's own list of what a restore must bring back.

    Args:
        timescaledb_version: empty where the dump holds no TimescaleDB.
        hypertables: those of people, not those of aggregates and of compression.
        chunks: without those that only hold compressed rows of another.
        continuous_aggregates: their views.
        jobs: those of people.
        empty_aggregates: those without a materialized chunk.
        compressed_chunks: how many of the chunks have compressed rows, which lie elsewhere.
        rows: of each table as COPY wrote them, a batch of compressed rows counting as one; None
            where they were not counted.
        grants: on tables, sequences and schemas.
    """

    timescaledb_version: str
    hypertables: frozenset[str]
    chunks: frozenset[str]
    continuous_aggregates: frozenset[str]
    jobs: tuple[DumpedJob, ...]
    empty_aggregates: frozenset[str] = frozenset()
    compressed_chunks: int = 0
    rows: Mapping[Relation, int] | None = None
    grants: Grants = field(default_factory=dict)
    cron: tuple[CronJob, ...] = ()  # pg_cron's, which a side database cannot hold
    expiring: tuple[Expiring, ...] = ()  # scheduled retention, with the chunks it goes by

    def retention(self) -> tuple[DumpedJob, ...]:
        """Return the jobs that drop data, whether or not any of it is old enough."""
        return tuple(j for j in self.jobs if j.procedure == "policy_retention" and j.scheduled)

    @property
    def cron_jobs(self) -> int | None:
        """How many jobs of pg_cron the dump holds, None where nothing was counted."""
        return None if self.rows is None else self.rows.get(("cron", "job"), 0)


NO_MANIFEST = Manifest("", frozenset(), frozenset(), frozenset(), ())
"""Of a dump that cannot be read any more."""


def parse_manifest(sql: str) -> Manifest:
    """Read the catalog's COPY blocks.

    Raises:
        Refused: it is not the catalog of a version known here.
    """
    try:
        return _parsed(sql)
    except KeyError as missing:
        raise Refused(
            "unknown_catalog",
            f"TimescaleDB's catalog in the dump has no {missing}: it was taken with a version that "
            "this tsbot does not know. Update tsbot.",
        ) from missing


def _parsed(sql: str) -> Manifest:
    tables = {name.rpartition(".")[2]: rows for name, rows in copy_blocks(sql)}
    metadata = {row["key"]: row["value"] for row in tables.get("metadata", [])}
    aggregates = {
        row["mat_hypertable_id"]: f"{row['user_view_schema']}.{row['user_view_name']}"
        for row in tables.get("continuous_agg", [])
    }
    raw = {row["id"]: _name(row) for row in tables.get("hypertable", [])}
    compressed = {row.get("compressed_hypertable_id") for row in tables.get("hypertable", [])}
    chunks = [row for row in tables.get("chunk", []) if row.get("dropped", "f") != "t"]
    settings = tables.get("compression_settings", [])
    filled = {row["hypertable_id"] for row in chunks}
    return Manifest(
        metadata.get("timescaledb_version") or "",
        frozenset(n for i, n in raw.items() if i not in aggregates and i not in compressed),
        frozenset(_chunk(row) for row in chunks if row["hypertable_id"] not in compressed),
        frozenset(aggregates.values()),
        tuple(_jobs(tables.get("bgw_job", []), {**raw, **aggregates})),
        frozenset(name for i, name in aggregates.items() if i not in filled),
        _compressed(chunks, settings),
        expiring=expiring(tables, {**raw, **aggregates}),
    )


def _name(row: Row) -> str:
    return f"{row['schema_name']}.{row['table_name']}"


def _chunk(row: Row) -> str:
    """Return a chunk's name: from TimescaleDB 2.29 on the catalog has it as a regclass."""
    relid = row.get("relid")
    return _name(row) if relid is None else shown(relation(relid))


def _compressed(chunks: list[Row], settings: list[Row]) -> int:
    """Count the compressed chunks; from TimescaleDB 2.29 on their settings alone tell."""
    if any("relid" in row for row in chunks):
        return sum(row.get("compress_relid") is not None for row in settings)
    return sum(row.get("compressed_chunk_id") is not None for row in chunks)


def _jobs(rows: list[Row], relations: Mapping[str | None, str]) -> Iterator[DumpedJob]:
    for row in rows:
        config = json.loads(row.get("config") or "{}")
        number = int(row["id"] or 0)
        if number < USER_JOBS:
            continue
        yield DumpedJob(
            number,
            row["proc_name"] or "",
            unquoted(row["owner"] or ""),  # a regrole is written as SQL writes names
            row["scheduled"] == "t",
            relations.get(row["hypertable_id"], ""),
            str(config.get("drop_after", "")) if isinstance(config, dict) else "",
        )


def copy_blocks(sql: str) -> Iterator[tuple[str, list[Row]]]:
    """Yield each table's name and rows, by column."""
    lines = iter(sql.split("\n"))  # splitlines() also cuts at separators that names may hold
    for line in lines:
        match = _COPY.match(line)
        if match is None:
            continue
        columns = [c.strip().strip('"') for c in match["columns"].split(",")]
        yield match["table"], list(_rows(lines, columns))


def _rows(lines: Iterator[str], columns: list[str]) -> Iterator[Row]:
    for line in lines:
        if line == "\\.":
            return
        yield dict(zip(columns, map(_unescape, line.split("\t")), strict=False))


def _unescape(value: str) -> str | None:
    if value == "\\N":
        return None
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), value)
