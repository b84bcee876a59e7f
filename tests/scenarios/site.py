"""What is restored in the scenarios: one server, its dump, its applications."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docker.models.containers import Container
from psycopg import sql

from tests.docker.containers import DatabaseContainer

DUMP = "sample.dump"
KEPT = re.compile(r"_(before|rejected)_[0-9a-f]{8}$")


@dataclass(frozen=True)
class Site:
    """What is restored: a database with a dump, an application that runs and one that does not."""

    database: DatabaseContainer
    application: Container
    idle: Container

    def shell(self, script: str) -> str:
        """Run a script in the database's container, as the one who owns the dumps."""
        code, output = self.database.exec("sh", "-c", script)
        assert code == 0, output
        return output

    def dump(self, name: str) -> str:
        """Copy the dump with its time, under another name."""
        self.shell(f"cp -p /backup/{DUMP} /backup/{name}")
        return name

    def running(self) -> tuple[bool, bool]:
        """Whether the application runs that is to, and the one that is not."""
        for container in (self.application, self.idle):
            container.reload()
        return self.application.status == "running", self.idle.status == "running"

    def tidy(self) -> None:
        """Drop the databases that runs have kept."""
        with self.database.connect() as connection:
            for name in self.databases():
                if KEPT.search(name):
                    kept = sql.Identifier(name)
                    # its background workers would not let a DROP through otherwise
                    opened = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(kept)
                    connection.execute(opened)
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(kept))

    def databases(self) -> dict[str, int]:
        """Return the oid of each database: what a run that never started must leave alone."""
        return dict(self.database.rows("postgres", "SELECT datname, oid::int8 FROM pg_database"))
