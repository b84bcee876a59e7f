"""What is restored in the scenarios: one server, its dump, its applications."""

from __future__ import annotations

from dataclasses import dataclass

from docker.models.containers import Container

from tests.docker.containers import DatabaseContainer

DUMP = "sample.dump"


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

    def databases(self) -> dict[str, int]:
        """Return the oid of each database: what a run that never started must leave alone."""
        return dict(self.database.rows("postgres", "SELECT datname, oid::int8 FROM pg_database"))
