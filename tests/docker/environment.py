"""What the Docker tests run on, found out once a session, and why they can't run."""

import gc
import os
import warnings
from dataclasses import dataclass
from functools import cached_property

import docker
import psycopg
from docker import DockerClient
from docker.errors import DockerException
from requests.exceptions import RequestException

from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.image import (
    IMAGE_VARIABLE,
    ImageUnavailableError,
    chosen_image,
    ensure_image,
    is_own_image,
)

REQUIRE_VARIABLE = "TSBOT_REQUIRE_DOCKER"
PROBE_TIMEOUT_S = 5
PROBE_API = "1.41"
TIMEOUT_S = 120
NO_COMMUNITY = "has no jobs and continuous aggregates"
START_ENGINE = "start a Docker engine, name one in DOCKER_HOST, or run .ci/run as root"


class EnvironmentMissingError(Exception):
    """The Docker tests can't run here; the text says why and what would help."""


@dataclass(frozen=True)
class Versions:
    """What the shared database says of itself."""

    postgresql: str
    timescaledb: str
    license: str

    @property
    def is_community(self) -> bool:
        """Whether continuous aggregates and policies exist."""
        return self.license == "timescale"


@dataclass(frozen=True)
class Prepared:
    """An engine with the image and the session's shared database on it."""

    client: DockerClient
    image: str
    containers: Containers
    database: DatabaseContainer
    versions: Versions


class DockerEnvironment:
    """Lazy: asking for `prepared` makes the image if need be and starts the shared database."""

    def __init__(self) -> None:
        self._client: DockerClient | None = None
        self._containers: Containers | None = None
        self._failure: EnvironmentMissingError | None = None

    @property
    def is_required(self) -> bool:
        """Whether leaving the Docker tests out is a failure."""
        return os.environ.get(REQUIRE_VARIABLE, "") not in ("", "0")

    def describe_engine(self) -> str:
        """Say in one line which engine and image would be used; builds nothing."""
        try:
            version = _probe()
        except EnvironmentMissingError as error:
            return f"docker: {error}"
        return f"docker: engine {version}, image {chosen_image()}"

    def describe_database(self) -> str:
        """Say in one line what runs in the image, after preparing it."""
        versions = self.prepared().versions
        return (
            f"docker: PostgreSQL {versions.postgresql}, TimescaleDB {versions.timescaledb} "
            f"(license {versions.license})"
        )

    def missing(self) -> str | None:
        """Say why the tests can't run here, or None where they can; prepares what they need."""
        try:
            self.prepared()
        except EnvironmentMissingError as error:
            return str(error)
        return None

    def prepared(self) -> Prepared:
        """Return what tests run on. Raises EnvironmentMissingError, the same one every time."""
        if self._failure is not None:
            raise self._failure
        try:
            return self._prepared
        except EnvironmentMissingError as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Remove the session's containers and let go of the engine."""
        try:
            if self._containers is not None:
                self._containers.close()
        finally:
            if self._client is not None:
                self._client.close()

    @cached_property
    def _prepared(self) -> Prepared:
        _probe()
        self._client = docker.from_env(timeout=TIMEOUT_S)
        try:
            if not self._client.networks.list(names=["bridge"]):
                raise EnvironmentMissingError(
                    "the engine has no bridge network, so no port can be published: "
                    "start it without --bridge=none"
                )
            image = ensure_image(self._client)
            self._containers = Containers.of_session(self._client, image)
            database = self._containers.database("shared")
            return Prepared(
                self._client, image, self._containers, database, _read_versions(database)
            )
        except ImageUnavailableError as error:
            raise EnvironmentMissingError(str(error)) from error
        except (DockerException, TimeoutError, psycopg.Error) as error:
            raise EnvironmentMissingError(f"no database could be started: {error}") from error


def _probe() -> str:
    """Return the engine's version. Raises EnvironmentMissingError."""
    with warnings.catch_warnings():
        # docker leaves a socket that can't connect to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        version = _ask_version()
        if version is None:
            gc.collect()
    if version is None:
        where = os.environ.get("DOCKER_HOST", "the default socket")
        raise EnvironmentMissingError(f"no Docker engine answers on {where}: {START_ENGINE}")
    return version


def _ask_version() -> str | None:
    # With a version given nothing is asked before there is a client to close.
    try:
        client = docker.from_env(timeout=PROBE_TIMEOUT_S, version=PROBE_API)
        try:
            return str(client.api.version(api_version=False)["Version"])
        finally:
            client.close()
    except (DockerException, RequestException):
        return None


def _read_versions(database: DatabaseContainer) -> Versions:
    """Create the extension for a moment: only its own library knows its license."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        [(postgresql, timescaledb, license_)] = connection.execute(
            "SELECT current_setting('server_version'), extversion,"
            " current_setting('timescaledb.license') FROM pg_extension"
            " WHERE extname = 'timescaledb'"
        ).fetchall()
    return Versions(postgresql.split()[0], timescaledb, license_)


def community_reason(prepared: Prepared) -> str | None:
    """Say why tests of the community edition's features can't run, or None where they can."""
    if prepared.versions.is_community:
        return None
    whose = "Debian's edition of TimescaleDB"
    if not is_own_image(prepared.image):
        whose = f"the edition of TimescaleDB in {prepared.image}"
    return f"{whose} {NO_COMMUNITY} (a community image can be named in {IMAGE_VARIABLE})"
