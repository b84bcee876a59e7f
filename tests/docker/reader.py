"""A client that reads the live table all the time, and remembers for how long it could not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

EVERY_S = 0.05


@dataclass
class Reader:
    """What a client has seen.

    Args:
        gaps: seconds between two reads that succeeded with at least one that failed between them.
        reads: how many succeeded.
        stale: reads after which a later one found fewer rows and came from another database.
    """

    dsn: str
    table: str
    gaps: list[float] = field(default_factory=list)
    reads: int = 0
    oids: list[int] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def missed(self) -> float:
        """The longest time without an answer, in seconds."""
        return max(self.gaps, default=0.0)

    def run(self) -> None:
        """Read until told to stop, connecting anew whenever the connection is lost."""
        connection: psycopg.Connection | None = None
        last = time.monotonic()
        failed = False
        query = sql.SQL(
            "SELECT (SELECT oid::int8 FROM pg_database WHERE datname = current_database()),"
            " (SELECT count(*) FROM {})"
        ).format(sql.Identifier(self.table))
        while not self._done.wait(EVERY_S):
            try:
                connection = connection or psycopg.connect(self.dsn, autocommit=True)
                row = connection.execute(query).fetchone()
            except psycopg.Error:
                failed = True
                if connection is not None:
                    connection.close()
                connection = None
                continue
            assert row is not None
            if failed:
                self.gaps.append(time.monotonic() - last)
            last, failed = time.monotonic(), False
            self.reads += 1
            if row[0] not in self.oids:
                self.oids.append(row[0])
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        """Let it end."""
        self._done.set()


@contextmanager
def reading(dsn: str, table: str) -> Iterator[Reader]:
    """Read a table as long as the block lasts, and a little longer."""
    reader = Reader(dsn, table)
    thread = threading.Thread(target=reader.run, daemon=True)
    thread.start()
    try:
        yield reader
        time.sleep(4 * EVERY_S)
    finally:
        reader.stop()
        thread.join()
