"""What a database holds, by name, with TimescaleDB or without."""

from __future__ import annotations

from dataclasses import replace
from typing import LiteralString

from psycopg.rows import TupleRow

from bot.adapters.postgres.connection import Connection
from bot.adapters.postgres.extension import installed, timescaledb_schema
from bot.core.grants import PUBLIC, Grants
from bot.core.inventory import Inventory

# TimescaleDB's own tables belong to the extension, chunks in _timescaledb_internal do not.
_RELATIONS = """
SELECT n.nspname || '.' || c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = ANY (%s)
   AND n.nspname !~ '^pg_'
   AND n.nspname <> ALL (ARRAY['information_schema', 'cron', '_timescaledb_catalog',
       '_timescaledb_config', '_timescaledb_cache', '_timescaledb_functions',
       '_timescaledb_debug'])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass
                      AND d.objid = coalesce((SELECT i.indrelid FROM pg_catalog.pg_index i
                                               WHERE i.indexrelid = c.oid), c.oid)
                      AND d.deptype = 'e')
"""

_KINDS = ["r", "p", "v", "m", "S", "f", "i", "I"]
_TABLES = {"r", "p"}
_INDEXES = {"i", "I"}

_SCHEMAS = """
SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_CONSTRAINTS = """
SELECT n.nspname || '.' || coalesce(c.relname, t.typname) || ' ' || k.conname
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
 WHERE coalesce(c.oid, t.oid) IS NOT NULL
"""

_GRANTS = """
SELECT g.name, coalesce(r.rolname, %s), pg_catalog.array_agg(g.privilege)
  FROM (SELECT n.nspname || '.' || c.relname AS name, a.grantee, a.privilege_type AS privilege
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
         UNION ALL
        SELECT n.nspname || '.' || c.relname, a.grantee, a.privilege_type || '(' || t.attname || ')'
          FROM pg_catalog.pg_attribute t
          JOIN pg_catalog.pg_class c ON c.oid = t.attrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
         UNION ALL
        SELECT n.nspname, a.grantee, a.privilege_type
          FROM pg_catalog.pg_namespace n
         CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a) g
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
 WHERE g.grantee = 0 OR r.oid IS NOT NULL
 GROUP BY 1, 2
"""

_HYPERTABLES = """
SELECT hypertable_schema || '.' || hypertable_name FROM timescaledb_information.hypertables
"""
_CHUNKS = """
SELECT chunk_schema || '.' || chunk_name FROM timescaledb_information.chunks
"""
_AGGREGATES = """
SELECT view_schema || '.' || view_name FROM timescaledb_information.continuous_aggregates
"""
_POLICIES = """
SELECT job_id, proc_name || coalesce(' on ' || hypertable_schema || '.' || hypertable_name, '')
  FROM timescaledb_information.jobs WHERE job_id >= 1000
"""


def read(connection: Connection) -> Inventory:
    """Return everything the database holds, as of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        relations = connection.execute(_RELATIONS, [_KINDS]).fetchall()
        found = replace(
            _plain(relations, dict(connection.execute(_SCHEMAS).fetchall())),
            constraints=_names(connection, _CONSTRAINTS),
            grants=_grants(connection),
            extensions=installed(connection),
        )
        if timescaledb_schema(connection) is None:
            return found
        return replace(
            found,
            hypertables=_names(connection, _HYPERTABLES),
            chunks=_names(connection, _CHUNKS),
            continuous_aggregates=_names(connection, _AGGREGATES),
            policies=dict(connection.execute(_POLICIES).fetchall()),
        )


def _plain(relations: list[TupleRow], schemas: dict[str, str]) -> Inventory:
    owned = [row for row in relations if row[1] not in _INDEXES]
    return Inventory(
        tables=frozenset(row[0] for row in relations if row[1] in _TABLES),
        indexes=frozenset(row[0] for row in relations if row[1] in _INDEXES),
        owners={**schemas, **{row[0]: row[2] for row in owned}},
    )


def _grants(connection: Connection) -> Grants:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for name, role, privileges in connection.execute(_GRANTS, [PUBLIC]).fetchall():
        found.setdefault(name, {})[role] = frozenset(privileges)
    return found


def _names(connection: Connection, query: LiteralString) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute(query).fetchall())
