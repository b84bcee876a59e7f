"""Steps 3 to 6 of a restore on real parts, without a run around them, and what they restored."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost
from bot.adapters.postgres import PostgresCluster
from bot.core.dump import DumpReader
from bot.core.models import Backup, ContainerRef, Target
from bot.core.plan import Loss, Plan
from bot.core.steps import database
from bot.core.steps.pg_restore import RESTORE
from bot.core.steps.stage import Outcome, Work
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import DIRECTORY
from tests.docker.sample import EXTENSIONS
from tests.docker.tsbot import DEFAULT_ENGINE

_CONTENTS = """
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname <> 'pg_catalog'
UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' '
                 || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0
UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT format('relation %s %s %s %s', oid::regclass, relkind, relowner::regrole, relacl)
            FROM pg_class
           WHERE relkind IN ('r', 'v', 'm', 'p', 'S') AND relnamespace::regnamespace::text
                 NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
UNION ALL SELECT format('sequence %s.%s %s', schemaname, sequencename, last_value) FROM pg_sequences
UNION ALL SELECT format('schema %s %s %s', nspname, nspowner::regrole, nspacl) FROM pg_namespace
UNION ALL SELECT format('parent %s %s', inhrelid::regclass, inhparent::regclass) FROM pg_inherits
"""
# Left out is what each database has of its own: uuid, install_timestamp, and what its jobs did
# before restoring was turned on.
_ROWS = """
SELECT format('SELECT %L, count(*)::text, sum(hashtextextended(t::text, 0)) FROM ONLY %s t %s',
              c.oid::regclass, c.oid::regclass,
              CASE c.oid::regclass::text WHEN '_timescaledb_catalog.metadata'
              THEN 'WHERE key NOT IN (''uuid'', ''install_timestamp'')' ELSE '' END)
  FROM pg_class c
 WHERE relkind IN ('r', 'm') AND relispopulated AND relname NOT LIKE 'bgw_job_stat%'
   AND relnamespace::regnamespace::text
       NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
"""


@dataclass
class Bench:
    """Restores a dump of one container into databases of the same server.

    Args:
        database: the container.
        dump: the file's name.
        cancelled: whether somebody asks to stop, asked again and again.
        settings: of the target.
        engine: where the engine answers.
    """

    database: DatabaseContainer
    dump: str
    cancelled: Callable[[], bool] = lambda: False
    settings: dict[str, Any] = field(default_factory=dict)
    engine: str = DEFAULT_ENGINE
    shares: list[float] = field(default_factory=list, init=False)
    lines: list[str] = field(default_factory=list, init=False)

    @cached_property
    def cluster(self) -> PostgresCluster:
        """The server."""
        return PostgresCluster(self.database.dsn())

    def work(self, run_id: str) -> Work:
        """Return a run that has been approved."""
        host = DockerHost(self.engine)
        reader = DumpReader(host, self.database.id, "postgres")
        path = f"{DIRECTORY}/{self.dump}"
        [file] = [f for f in self.cluster.backups(DIRECTORY) if f.name == self.dump]
        toc, manifest = reader.toc(path), reader.read(path)
        available = self.cluster.available_extensions()
        target = Target(
            "prod",
            "ecoanp",
            ContainerRef(self.database.name),
            DIRECTORY,
            extensions=tuple(e for e in EXTENSIONS if e in available),
        )
        plan = Plan(
            run_id=run_id,
            target=replace(target, **self.settings),
            backup=Backup(
                file,
                reader.sha256(path),
                toc.taken_at,
                toc.postgres_version,
                manifest.timescaledb_version,
                toc.database,
                reader.permissions(path).stamp,
            ),
            container=host.find(target.container),
            applications=(),
            live=None,
            system_identifier="",
            postgres_version="",
            loss=Loss(None, None),
        )
        return Work(
            plan=plan,
            toc=toc,
            manifest=manifest,
            host=host,
            cluster=self.cluster,
            clock=SystemClock(),
            progress=lambda share, _: self.shares.append(share),
            output=self.lines.extend,
            cancelled=self.cancelled,
            relock=lambda: None,
        )

    def restore(self, run_id: str) -> tuple[str, Outcome]:
        """Do steps 3 to 6 and return the side database's name; restoring stays on."""
        work = self.work(run_id)
        for stage in (database.CREATE, database.EXTENSIONS, database.PRE_RESTORE):
            stage.act(work)
        self.shares.clear()
        return work.plan.side, RESTORE.act(work)


def contents(container: DatabaseContainer, dbname: str) -> frozenset[str]:
    """Return everything a database holds, a line a thing and one for the rows of each table."""
    with container.connect(dbname) as connection:
        found = {str(line) for (line,) in connection.execute(_CONTENTS).fetchall()}
        for (query,) in connection.execute(_ROWS).fetchall():
            found |= {f"rows {row}" for row in connection.execute(query).fetchall()}
    return frozenset(found)
