"""What the README tells people to type at 3 a.m. is typed here."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from tests.docker.containers import DatabaseContainer

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^ *```sql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SCHEDULER = "TimescaleDB Background Worker Scheduler"


@dataclass(frozen=True)
class Aftermath:
    """A live database and the names of those a restore may leave beside it."""

    server: DatabaseContainer
    live: str
    run: str

    @property
    def before(self) -> str:
        return f"{self.live}_before_{self.run}"

    @property
    def side(self) -> str:
        return f"{self.live}_restore_{self.run}"

    def make(self, name: str, *, closed: bool = False) -> None:
        """Create a database that knows which one it was."""
        with self.server.connect() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0")
            connection.execute(statement.format(sql.Identifier(name)))
        with self.server.connect(name) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
            connection.execute("CREATE TABLE was AS SELECT current_database()::text AS name")
        if closed:
            self.type(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')

    def type(self, text: str, database: str = "postgres") -> None:
        """Give statements to psql, all in one session; each must succeed."""
        statements = [s.strip() for s in text.split(";") if s.strip()]
        if not statements:
            return
        argv = [word for statement in statements for word in ("-c", statement)]
        code, said = self.server.exec("psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", database, *argv)
        assert code == 0, said

    def type_readme(self, heading: str, number: int = 0) -> None:
        """Type one block of a section; a comment says where to be connected to."""
        section = README.read_text(encoding="utf-8").split(f"\n### {heading}\n")[1]
        block = BLOCK.findall(section)[number]
        for shown, ours in (("44d494fb", self.run), ("RUN", self.run), ("shop", self.live)):
            block = block.replace(shown, ours)
        database = "postgres"
        for part in re.split(r"^(?= *--)", block, flags=re.MULTILINE):
            comment = re.match(r" *--.*\n", part)
            if comment and f"connected to {self.live}" in comment[0]:
                database = self.live
            self.type(part[comment.end() if comment else 0 :], database)

    def was(self, name: str) -> str:
        return str(self.server.rows(name, "SELECT name FROM was")[0][0])

    def databases(self) -> dict[str, bool]:
        """Return which of ours are there, and whether they are open."""
        rows = self.server.rows(
            "postgres",
            "SELECT datname, datallowconn FROM pg_database WHERE starts_with(datname, %s)",
            [self.live],
        )
        return dict(rows)

    def has_scheduler(self) -> bool:
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND application_name = %s"
        return bool(self.server.rows("postgres", query, [self.live, SCHEDULER]))

    def wait_for_scheduler(self) -> None:
        deadline = time.monotonic() + 20
        while not self.has_scheduler():
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def aftermath(shared_database: DatabaseContainer) -> Iterator[Aftermath]:
    made = Aftermath(shared_database, f"shop{secrets.token_hex(4)}", secrets.token_hex(4))
    made.make(made.live)
    yield made
    for name in made.databases():
        with made.server.connect() as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def test_the_old_database_is_put_back_as_the_readme_says(aftermath: Aftermath) -> None:
    aftermath.make(aftermath.before, closed=True)
    with aftermath.server.connect(aftermath.live):  # somebody is in the way
        aftermath.type_readme("Put the old database back", 0)
    assert aftermath.was(aftermath.live) == aftermath.before
    assert aftermath.databases() == {aftermath.live: True, f"{aftermath.live}_rejected": False}
    section = README.read_text(encoding="utf-8").split("\n### Put the old database back\n")[1]
    aftermath.type(BLOCK.findall(section)[1], aftermath.live)
    aftermath.wait_for_scheduler()


def test_the_kept_database_is_looked_into_as_the_readme_says_and_is_closed_again(
    aftermath: Aftermath,
) -> None:
    aftermath.make(aftermath.before, closed=True)
    aftermath.type_readme("Look into the kept database first")
    assert aftermath.databases()[aftermath.before] is False
    settings = "SELECT 1 FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
    left = aftermath.server.rows("postgres", f"{settings} WHERE datname = %s", [aftermath.before])
    assert left == []


def test_a_run_that_broke_off_before_the_cut_over_is_cleared_away_as_the_readme_says(
    aftermath: Aftermath,
) -> None:
    aftermath.make(aftermath.side)
    aftermath.type(f'ALTER DATABASE "{aftermath.live}" ALLOW_CONNECTIONS false')
    aftermath.type_readme("A run was interrupted", 0)
    aftermath.type_readme("A run was interrupted", 1)
    assert aftermath.databases() == {aftermath.live: True}
    aftermath.wait_for_scheduler()


def test_paused_jobs_are_armed_as_the_readme_says(aftermath: Aftermath) -> None:
    aftermath.type_readme("A run was interrupted", 2)
    aftermath.wait_for_scheduler()


def test_the_kept_database_is_dropped_as_the_readme_says(aftermath: Aftermath) -> None:
    aftermath.make(aftermath.before, closed=True)
    readme = README.read_text(encoding="utf-8")
    [drop] = [block for block in BLOCK.findall(readme) if block.startswith("DROP DATABASE")]
    aftermath.type(drop.replace("shop_before_44d494fb", aftermath.before))
    assert aftermath.databases() == {aftermath.live: True}
