"""A dump whose restore waits in the middle of its data until it is let go on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.docker.containers import DatabaseContainer

# Restoring it waits, in the middle of the data, for a role to appear.
HELD = """
CREATE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE TABLE held (n int CHECK (held(n)));
INSERT INTO held VALUES (1);
CREATE OR REPLACE FUNCTION held(n int) RETURNS boolean LANGUAGE plpgsql AS '
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''go_on'') LOOP
        PERFORM pg_catalog.pg_sleep(0.05);
    END LOOP;
    RETURN true;
END';
"""
HOLDING = """
SELECT pid FROM pg_stat_activity
 WHERE application_name LIKE 'tsbot-restore-%%' AND query LIKE 'COPY public.held%%'
"""
_WITHIN_S = 30


def until_held(database: DatabaseContainer) -> int:
    """Poll until pg_restore waits; return its session's process id. Raises TimeoutError."""
    deadline = time.monotonic() + _WITHIN_S
    while not (found := database.rows("postgres", HOLDING)):
        if time.monotonic() > deadline:
            raise TimeoutError("pg_restore never came to the held table")
        time.sleep(0.05)
    return int(found[0][0])


@contextmanager
def going_on(database: DatabaseContainer) -> Iterator[None]:
    """Let a held restore go on."""
    with database.connect() as connection:
        connection.execute("CREATE ROLE go_on")
        yield
        connection.execute("DROP ROLE go_on")
