"""One stand-in for all tests that neither restart nor break it."""

import secrets
from collections.abc import Iterator

import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
from bot.sandbox import sample
from tests.sandbox.timescaledb.restoring import Workshop
from tests.sandbox.timescaledb.stand_in import StandIn, short_directory


@pytest.fixture(scope="package")
def shared_database() -> Iterator[StandIn]:
    with short_directory() as directory:
        made = StandIn(directory, launcher_revival=0.5)
        made.start()
        yield made
        assert made.stop() == 0


@pytest.fixture
def cluster(shared_database: StandIn) -> PostgresCluster:
    return PostgresCluster(shared_database.dsn())


@pytest.fixture
def scratch_database(shared_database: StandIn) -> Iterator[str]:
    """The name of an empty database, dropped after the test."""
    name = f"scratch_{secrets.token_hex(4)}"
    identifier = sql.Identifier(name)
    with shared_database.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        yield name
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


@pytest.fixture
def side(cluster: PostgresCluster) -> Iterator[str]:
    """A name that is free, and is again after the test."""
    name = f"side_{secrets.token_hex(4)}"
    yield name
    cluster.drop_database(name)


@pytest.fixture
def role(shared_database: StandIn) -> Iterator[str]:
    name = f"Role {secrets.token_hex(4)}"
    with shared_database.connect() as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {}").format(identifier))
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(identifier))


@pytest.fixture(scope="package")
def sampled() -> Iterator[Workshop]:
    """A server of its own with the sample, for tests that restart it."""
    with short_directory() as directory:
        stand_in = StandIn(directory)
        stand_in.start()
        yield Workshop(stand_in, sample.create(stand_in.server, directory / "backup"))
        assert stand_in.stop() == 0


@pytest.fixture
def workshop(sampled: Workshop) -> Iterator[Workshop]:
    yield sampled
    sampled.drop_all()
