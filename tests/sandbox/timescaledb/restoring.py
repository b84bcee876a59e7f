"""The sample on a server of its own, and the product's restore of it, one step at a time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.postgres import PostgresCluster, PostgresDatabase
from bot.core.dump import DumpReader
from bot.core.models import Check, Container, ContainerRef, Target
from bot.core.points import checklist
from bot.core.ports import ExecResult, OnChunk, OnLine, Stream
from bot.core.status import read_status
from bot.core.toc import list_file
from bot.sandbox import sample
from bot.sandbox.timescaledb.container import container_env
from tests.sandbox.timescaledb.stand_in import StandIn

CONTAINER = Container("c0ffee", "db", "stand-in", running=True)


@dataclass
class LocalHost:
    """The port ContainerHost where the one container is the stand-in's own processes."""

    stand_in: StandIn

    def ping(self) -> str:
        return "local processes"

    def find(self, ref: ContainerRef) -> Container:
        return CONTAINER

    def addresses(self, container_id: str) -> frozenset[str]:
        return frozenset()

    def start(self, container_id: str) -> None:
        self.stand_in.start()

    def stop(self, container_id: str, timeout: int) -> None:
        self.stand_in.stop()

    def restart(self, container_id: str, timeout: int) -> None:
        self.stand_in.restart()

    def execute(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        on_chunk: OnChunk | None = None,
    ) -> ExecResult:
        program = self.stand_in.server.tree.bin / argv[0]
        done = subprocess.run(
            argv,
            executable=str(program) if program.exists() else None,
            env=os.environ | container_env(self.stand_in.server) | dict(env or {}),
            capture_output=True,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        for line in err.splitlines() if on_line else ():
            assert on_line is not None
            on_line(Stream.ERR, line)
        if on_chunk is not None:
            on_chunk(Stream.OUT, done.stdout)
            on_chunk(Stream.ERR, done.stderr)
        return ExecResult(done.returncode, out, err)


@dataclass
class Workshop:
    """A server with the sample, its dumps, and what the product restores from them."""

    stand_in: StandIn
    dumps: sample.Dumps
    cluster: PostgresCluster = field(init=False)
    reader: DumpReader = field(init=False)
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = PostgresCluster(self.stand_in.dsn())
        self.reader = DumpReader(LocalHost(self.stand_in), CONTAINER.id, "postgres")

    def restored(self, name: str, dump: Path, *extra: str) -> PostgresDatabase:
        """Do steps 3 to 6: everything up to pg_restore, leaving restoring on."""
        self.made.append(name)
        self.cluster.create_database(name, None, "")
        database = self.cluster.database(name)
        database.create_extension("timescaledb", "2.22.1")
        database.create_extension("vector")
        database.pre_restore()
        listing = dump.parent / f"{name}.list"
        entries = self.reader.toc(str(dump)).entries
        listing.write_text(list_file(e for e in entries if not e.extension))
        self.stand_in.server.run(
            *("pg_restore", f"--dbname={name}", f"--use-list={listing}", *extra, str(dump))
        )
        listing.unlink()
        return database

    def paused(self, database: PostgresDatabase) -> list[int]:
        """Pause every job, as the product does before post_restore()."""
        jobs = [job.id for job in database.jobs() if job.scheduled]
        database.set_scheduled(jobs, False)
        return jobs

    def checklist(self, database: PostgresDatabase) -> dict[str, Check]:
        target = Target("sample", database.name, ContainerRef("db"), "/nowhere")
        status = read_status(target, LocalHost(self.stand_in), self.cluster, datetime.now(UTC))
        return {check.name: check for check in checklist(status)}

    def failures(self, database: PostgresDatabase) -> dict[str, str]:
        """The evidence of every point that is not green."""
        points = self.checklist(database).values()
        return {check.name: check.evidence for check in points if not check.passed}

    def drop_all(self) -> None:
        """Drop what was restored, under whatever name."""
        for name in self.made:
            self.cluster.drop_database(name)
        self.made.clear()
