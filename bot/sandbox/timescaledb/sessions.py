"""How the workers connect.

Their long sessions are of the kind that replication uses, which takes plain SQL as well: so
pg_stat_activity calls them ``walsender`` and not ``client backend``, as the real extension's
workers aren't client backends either, and whoever lists clients need not know of the stand-in.
"""

from __future__ import annotations

from typing import TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

Session: TypeAlias = psycopg.ClientCursor[TupleRow]

# Unlike a database's or role's settings, what a client sends cannot be overruled.
_OPTIONS = "-c search_path=pg_catalog,pg_temp -c TimeZone=UTC -c lock_timeout=10s"


def worker_session(dsn: str, database: str, application: str) -> Session:
    """Open a worker's long session, in autocommit.

    Raises:
        psycopg.OperationalError: the server is down, or the database takes no connections.
    """
    conninfo = make_conninfo(
        dsn,
        dbname=database,
        application_name=application,
        options=_OPTIONS,
        connect_timeout=5,
        replication="database",
    )
    # A client-side cursor, because replication's sessions take no parameters of their own.
    connection = psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor)
    return psycopg.ClientCursor(connection)


def job_session(
    dsn: str, database: str, owner: str, application: str
) -> psycopg.Connection[TupleRow]:
    """Open a session of a job, as the job's owner, who must be allowed to log in.

    Raises:
        psycopg.OperationalError: it is refused.
    """
    conninfo = make_conninfo(dsn, dbname=database, user=owner, application_name=application)
    return psycopg.connect(conninfo, autocommit=True)
