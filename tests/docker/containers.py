"""Containers that live as long as a test session: labelled, randomly named, removed at its end."""

import contextlib
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString, Self

import psycopg
from docker import DockerClient
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import Mount
from psycopg.conninfo import make_conninfo

from tests.docker.image import LABEL, is_own_image

SESSION_LABEL = "tsbot.test.session"
TEST_LABEL = "tsbot.test.one"
READY_WITHIN_S = 90
PGDATA = "/var/lib/postgresql/data"  # in our image as in the official ones
# Below Linux's ephemeral ports: a client's connection must not take it while PostgreSQL restarts.
PORTS = (20_000, 32_000)
OBEDIENT = "trap 'exit 0' TERM; sleep 86400 & wait"
SLOW = "trap 'sleep 2; exit 0' TERM; sleep 86400 & wait"
DEAF = "trap '' TERM; while :; do sleep 1; done"


@dataclass(frozen=True)
class DatabaseContainer:
    """A running PostgreSQL whose port is published on this machine's loopback."""

    container: Container
    name: str
    id: str
    host: str
    port: int
    password: str

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """Return a connection string over the published port, the superuser's unless said."""
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=dbname,
            user=user,
            password=self.password,
            connect_timeout=5,
        )

    @contextlib.contextmanager
    def connect(self, dbname: str = "postgres") -> Iterator[psycopg.Connection]:
        """Open a superuser's session in autocommit."""
        with psycopg.connect(self.dsn(dbname), autocommit=True) as connection:
            yield connection

    def rows(
        self, dbname: str, query: LiteralString, params: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one query as superuser and return its rows."""
        with self.connect(dbname) as connection:
            return connection.execute(query, params).fetchall()

    def exec(self, *argv: str, user: str = "postgres") -> tuple[int, str]:
        """Run a command in the container; return its exit code and all it printed."""
        finished = self.container.exec_run(list(argv), user=user)
        assert isinstance(finished.output, bytes)
        return int(finished.exit_code or 0), finished.output.decode(errors="replace")

    def wait_until_ready(self, dbname: str = "postgres") -> None:
        """Poll until PostgreSQL answers over the published port. Raises TimeoutError."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                with self.connect(dbname):
                    return
            except psycopg.OperationalError as error:
                self.container.reload()
                if self.container.status == "exited" or time.monotonic() > deadline:
                    tail = self.container.logs(tail=5).decode(errors="replace")
                    raise TimeoutError(f"{self.name} does not answer: {error}\n{tail}") from error
            time.sleep(0.1)


class Containers:
    """Makes containers for a session, or for one test of it, and removes them; sees no others."""

    def __init__(self, client: DockerClient, image: str, labels: Mapping[str, str]) -> None:
        self.client = client
        self.image = image
        self.labels = {LABEL: "1", **labels}
        self.prefix = labels[SESSION_LABEL]

    @classmethod
    def of_session(cls, client: DockerClient, image: str) -> Self:
        """Start a session's set, under a random prefix."""
        return cls(client, image, {SESSION_LABEL: f"tsbot-test-{secrets.token_hex(3)}-"})

    def of_test(self) -> Self:
        """Start the smaller set of one test, which close() empties before the session ends."""
        return type(self)(
            self.client, self.image, {**self.labels, TEST_LABEL: secrets.token_hex(4)}
        )

    def database(
        self,
        name: str = "db",
        *,
        database: str = "ecoanp",
        environment: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        disk: str = "",
    ) -> DatabaseContainer:
        """Start PostgreSQL with pg_cron bound to *database* and wait until it answers.

        *disk* limits the data directory to so much memory, such as ``300m``, which outlives a
        restart as a disk does.

        Raises docker's APIError or TimeoutError.
        """
        password = secrets.token_hex(8)
        settings = {"POSTGRES_PASSWORD": password, "POSTGRES_DB": database}
        container, port = self._run_published(
            self._new_name(name),
            environment={**settings, **(environment or {})},
            labels={**(labels or {}), **self.labels},
            mounts=self._disk(disk) if disk else [],
        )
        made = DatabaseContainer(
            container, str(container.name), str(container.id), "127.0.0.1", port, password
        )
        made.wait_until_ready(database)
        made.exec("install", "-d", "-o", "postgres", "-g", "postgres", "/backup", user="root")
        made.exec("chmod", "0700", "/backup", user="root")
        return made

    def application(
        self,
        name: str = "app",
        *,
        ignores_sigterm: bool = False,
        stops_slowly: bool = False,
        compose: tuple[str, str] | None = None,
        running: bool = True,
    ) -> Container:
        """Create a container that does nothing, started unless *running* is false.

        One that *stops_slowly* takes two seconds from SIGTERM on.
        *compose* is a Compose project and service, written as the labels Compose itself would set.
        """
        script = DEAF if ignores_sigterm else SLOW if stops_slowly else OBEDIENT
        labels = dict(self.labels)
        if compose is not None:
            labels["com.docker.compose.project"], labels["com.docker.compose.service"] = compose
        container = self.client.containers.create(
            self.image,
            name=self._new_name(name),
            entrypoint=["sh", "-c", script],
            command=[],
            stop_signal="SIGTERM",
            labels=labels,
        )
        if running:
            container.start()
            container.reload()
        return container

    def all(self) -> list[Container]:
        """List this set's containers, stopped ones too."""
        return self.client.containers.list(all=True, filters=self._filters())

    def close(self) -> None:
        """Remove this set's containers, networks and disks; none that fails keeps the others."""
        errors: list[DockerException] = []
        networks = self.client.networks.list(filters=self._filters())
        removals: list[Callable[[], None]] = [
            *(partial(container.remove, force=True, v=True) for container in self.all()),
            *(network.remove for network in networks),
            *(volume.remove for volume in self.client.volumes.list(filters=self._filters())),
        ]
        for remove in removals:
            try:
                remove()
            except NotFound:
                continue  # removed by the test itself, or by the engine meanwhile
            except DockerException as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"leftovers labelled {self.labels}", errors)

    def _filters(self) -> dict[str, Any]:
        return {"label": [f"{key}={value}" for key, value in self.labels.items()]}

    def _new_name(self, name: str) -> str:
        return f"{self.prefix}{name}-{secrets.token_hex(2)}"

    def _disk(self, size: str) -> list[Mount]:
        """Make a small file system in memory; a container that idles keeps it mounted."""
        volume = self.client.volumes.create(
            self._new_name("disk"),
            driver="local",
            driver_opts={"type": "tmpfs", "device": "tmpfs", "o": f"size={size}"},
            labels=self.labels,
        )
        mounts = [Mount(PGDATA, volume.name)]
        self.client.containers.run(
            self.image,
            name=self._new_name("keeper"),
            entrypoint=["sh", "-c", OBEDIENT],
            command=[],
            labels=self.labels,
            mounts=mounts,
            detach=True,
        )
        return mounts

    def _run_published(
        self, name: str, environment: dict[str, str], labels: dict[str, str], mounts: list[Mount]
    ) -> tuple[Container, int]:
        """Start a database on a fixed free port; an engine's own choice changes at a restart."""
        for attempts_left in (2, 1, 0):
            port = _free_port()
            container = self.client.containers.create(
                self.image,
                command=self._arguments(environment),
                name=name,
                environment=environment,
                labels=labels,
                ports={"5432/tcp": ("127.0.0.1", port)},
                shm_size="256m",
                mounts=mounts,
            )
            try:
                container.start()
            except APIError as error:
                container.remove(force=True, v=True)
                if attempts_left == 0 or "port" not in str(error):
                    raise
            else:
                return container, port
        raise AssertionError("unreachable")

    def _arguments(self, environment: Mapping[str, str]) -> list[str]:
        """Other images preload less than ours: say on the command line what the tests rely on."""
        if is_own_image(self.image):
            return ["postgres"]
        settings = {
            "shared_preload_libraries": "timescaledb,pg_cron,pg_stat_statements",
            "cron.database_name": environment.get("CRON_DATABASE", environment["POSTGRES_DB"]),
            "timescaledb.telemetry_level": "off",
            "fsync": "off",
        }
        return ["postgres", *(f"--{key}={value}" for key, value in settings.items())]


def _free_port() -> int:
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
