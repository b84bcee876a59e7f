"""The adapter on the shared database, and what its tests make there."""

import secrets
from collections.abc import Iterator

import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
from tests.docker.containers import DatabaseContainer


@pytest.fixture
def cluster(shared_database: DatabaseContainer) -> PostgresCluster:
    return PostgresCluster(shared_database.dsn())


@pytest.fixture
def side(cluster: PostgresCluster) -> Iterator[str]:
    """A name that is free, and is again after the test."""
    name = f"side_{secrets.token_hex(4)}"
    yield name
    cluster.drop_database(name)


@pytest.fixture
def role(shared_database: DatabaseContainer) -> Iterator[str]:
    name = f"Role {secrets.token_hex(4)}"
    with shared_database.connect() as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {}").format(identifier))
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(identifier))
