"""Fixtures on a real Docker engine; tests/conftest.py decides whether these tests run at all."""

import secrets
from collections.abc import Iterator

import pytest
from docker import DockerClient
from psycopg import sql

from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.environment import DockerEnvironment, Prepared


@pytest.fixture(scope="session")
def prepared(docker_environment: DockerEnvironment) -> Prepared:
    """The engine, its image, and the database that tests share."""
    return docker_environment.prepared()


@pytest.fixture(scope="session")
def engine(prepared: Prepared) -> DockerClient:
    """A client of the real engine."""
    return prepared.client


@pytest.fixture(scope="session")
def shared_database(prepared: Prepared) -> DatabaseContainer:
    """One database container for the session: not for tests that restart or break PostgreSQL."""
    return prepared.database


@pytest.fixture
def scratch_database(shared_database: DatabaseContainer) -> Iterator[str]:
    """The name of an empty database of the shared container, dropped after the test."""
    name = f"scratch_{secrets.token_hex(4)}"
    with shared_database.connect() as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        yield name
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


@pytest.fixture
def containers(prepared: Prepared) -> Iterator[Containers]:
    """Makes containers of the test's own: databases to restart or break, applications to stop."""
    of_test = prepared.containers.of_test()
    yield of_test
    of_test.close()
