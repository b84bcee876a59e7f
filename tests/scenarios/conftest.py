"""One server to restore and one bot for most scenarios; those with other settings start their own.

tests/conftest.py decides whether these tests run at all: they need the engine.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.docker.dumps import take_dump
from tests.docker.environment import DockerEnvironment
from tests.docker.sample import create_sample
from tests.scenarios.office import AT_ONCE, PASSWORDS, Office
from tests.scenarios.site import Site


@pytest.fixture(scope="package", autouse=True)
def _environment() -> Iterator[None]:
    """Tokens in, proxies out: slack_sdk obeys those, and knows no NO_PROXY."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        patch.delenv("SLACK_API_URL", raising=False)
        patch.setenv("SLACK_BOT_TOKEN", "xoxb-sandbox")
        patch.setenv("SLACK_APP_TOKEN", "xapp-sandbox")
        for name in PASSWORDS:
            patch.setenv(name, "")
        yield


@pytest.fixture(scope="package")
def site(docker_environment: DockerEnvironment) -> Iterator[Site]:
    """A database with a small sample and a dump of it that is an hour old."""
    with _site(docker_environment, "scene") as made:
        yield made


@pytest.fixture(scope="package")
def rough(docker_environment: DockerEnvironment) -> Iterator[Site]:
    """Another one for faults: what one leaves behind spoils no scenario of everyday."""
    with _site(docker_environment, "rough") as made:
        yield made


@contextmanager
def _site(docker_environment: DockerEnvironment, name: str) -> Iterator[Site]:
    containers = docker_environment.prepared().containers.of_test()
    try:
        database = containers.database(name)
        create_sample(database)
        path = take_dump(database)
        idle = containers.application("idle", running=False)
        made = Site(database, containers.application("app"), idle)
        made.shell(f"touch -d '1 hour ago' {path}")
        yield made
    finally:
        containers.close()


@pytest.fixture(scope="package")
def staffed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The bot with its usual settings, for all scenarios but those with rules of their own."""
    office = Office(site, tmp_path_factory.mktemp("office"), target=AT_ONCE)
    with office.server, office.serving():
        yield office


@pytest.fixture
def office(staffed: Office) -> Iterator[Office]:
    """The same with nobody at a gate, and left so."""
    staffed.settle()
    yield staffed
    staffed.settle()
