"""PostgreSQL and TimescaleDB through psycopg: the only package that imports it."""

from bot.adapters.postgres.cluster import PostgresCluster
from bot.adapters.postgres.database import PostgresDatabase

__all__ = ["PostgresCluster", "PostgresDatabase"]
