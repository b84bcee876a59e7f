"""What a retention policy would do if it ran now; nothing is dropped here."""

from __future__ import annotations

import psycopg
from psycopg import sql

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import timescaledb_function, timescaledb_schema
from bot.core.errors import DatabaseRefused

_POLICY = """
SELECT pg_catalog.format('%%I.%%I', j.hypertable_schema, j.hypertable_name),
       j.config ->> 'drop_after', j.config ->> 'drop_created_before'
  FROM timescaledb_information.jobs j
 WHERE j.job_id = %s AND j.proc_name = 'policy_retention' AND j.hypertable_name IS NOT NULL
"""
_CHUNKS = """
SELECT count(*) FROM {}(%s::pg_catalog.regclass, {} => %s::pg_catalog.interval)
"""


def would_drop(connection: Connection, job_id: int) -> int | None:
    """Return how many chunks the policy would drop, None where that cannot be told.

    Of a hypertable whose time is a number it cannot: what is now there, only a function of its
    owner knows, and that would run as superuser.
    """
    if timescaledb_schema(connection) is None:
        return None
    try:
        show_chunks = timescaledb_function(connection, "show_chunks")
        policy = connection.execute(_POLICY, [job_id]).fetchone()
        if policy is None or policy[1:].count(None) != 1:
            return None
        relation, after, created_before = policy
        rule = "older_than" if created_before is None else "created_before"
        query = sql.SQL(_CHUNKS).format(show_chunks, sql.Identifier(rule))
        row = connection.execute(query, [relation, after or created_before]).fetchone()
    except DatabaseRefused:
        return None  # somebody has planted another function of that name
    except psycopg.DatabaseError:
        if connection.broken:
            raise
        return None  # such as "invalid type for parameter older_than": its time is a number
    return None if row is None else int(row[0])
