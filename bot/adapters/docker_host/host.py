"""The adapter itself."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import docker
from docker.errors import APIError, NotFound, create_api_error_from_http_exception
from requests import HTTPError, Response

from bot.adapters.docker_host.connection import Connection, TlsFiles
from bot.adapters.docker_host.lookup import by_id, listed, one
from bot.adapters.docker_host.output import HandedOn, Kept, PassedOn, frames
from bot.core.errors import EngineRefused, EngineUnavailable
from bot.core.models import Container, ContainerRef
from bot.core.ports.containers import ExecResult, OnChunk, OnLine, Stream

_END_WITHIN_S = 5.0
"""How long after the end of its output a process may still be running (2 ms where measured)."""

_POLL_S = 0.05
_NOT_STARTED = "OCI runtime exec failed"
_PROGRAM_MISSING = ("executable file not found", "no such file or directory")


class DockerHost:
    """One Docker engine; safe to use from several threads.

    Containers are addressed by name, so that the rules of a proxy in front of the engine can name
    them; each call first makes sure that the name still is the container it was asked for.

    Args:
        base_url: ``unix:///path``, ``tcp://host:port`` or ``ssh://user@host``. SSH logs in with
            the keys of the user's agent or home directory; the host must be in known_hosts.
        tls: for ``tcp://``; None speaks plain HTTP.
        timeout: seconds the engine has to answer; stopping adds the container's own, and a
            process may be silent for as long as it likes.
    """

    def __init__(self, base_url: str, *, tls: TlsFiles | None = None, timeout: float = 60) -> None:
        self._connection = Connection(base_url, tls, timeout)

    def ping(self) -> str:
        """Return the engine's version.

        Raises:
            EngineUnavailable: it does not answer.
        """
        with self._connection.api() as api:
            return str(api.version()["Version"])

    def find(self, ref: ContainerRef) -> Container:
        """Return the one container that answers to the name or Compose service.

        Raises:
            ContainerNotFound: there is none, or more than one.
            EngineUnavailable: the engine does not answer.
        """
        with self._connection.api() as api:
            row = one([listed(row) for row in api.containers(all=True)], ref)
            details = api.inspect_container(row.name)
        if details["Id"] != row.id:
            raise EngineRefused(f"the container {row.name} was made anew while it was looked up")
        config = details["Config"]
        return Container(
            id=row.id,
            name=row.name,
            image=config["Image"],
            running=details["State"]["Running"],
            stop_timeout=config.get("StopTimeout"),
            removes_itself=bool((details.get("HostConfig") or {}).get("AutoRemove")),
        )

    def addresses(self, container_id: str) -> frozenset[str]:
        """Return its IP addresses in all of its networks. Raises as :meth:`find` does."""
        with self._connection.api() as api, _named(api, container_id) as name:
            settings = api.inspect_container(name).get("NetworkSettings") or {}
        networks = (settings.get("Networks") or {}).values()
        found = (n.get(key) for n in networks for key in ("IPAddress", "GlobalIPv6Address"))
        return frozenset(address for address in found if address)

    def start(self, container_id: str) -> None:
        """Start it; no effect on a running one. Raises as :meth:`find` does."""
        with self._connection.api() as api, _named(api, container_id) as name:
            api.start(name)

    def stop(self, container_id: str, timeout: int) -> None:
        """Stop it, killing it after ``timeout`` seconds; no effect on a stopped one.

        Raises as :meth:`find` does. The SDK adds ``timeout`` to the engine's time to answer.
        """
        with self._connection.api() as api, _named(api, container_id) as name:
            api.stop(name, timeout=timeout)

    def restart(self, container_id: str, timeout: int) -> None:
        """Restart it, killing it after ``timeout`` seconds. Raises as :meth:`find` does."""
        with self._connection.api() as api, _named(api, container_id) as name:
            api.restart(name, timeout=timeout)

    def execute(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        on_chunk: OnChunk | None = None,
    ) -> ExecResult:
        """Run ``argv`` in the container, without a shell, until it ends.

        Docker cannot end a process it runs: where this raises, the process may run on.

        Args:
            container_id: a running container.
            argv: the program and its arguments.
            user: user in the container, empty for the image's own.
            env: added to the container's environment.
            on_line: called with each line as it arrives; what it raises ends the call and goes
                through. Without it both outputs are kept, up to 64 MiB together.
            on_chunk: called instead with the bytes as they arrive, cut anywhere.

        Raises:
            ContainerNotFound: the container is gone.
            EngineRefused: it is not running, there is no such program, or too much was printed.
            EngineUnavailable: the engine does not answer, or the connection broke meanwhile.
        """
        with self._connection.api() as api, _named(api, container_id) as name:
            environment = dict(env) if env else None
            created = api.exec_create(name, list(argv), user=user, environment=environment)
            exec_id: str = created["Id"]
        sink = _sink(on_line, on_chunk)
        complaint = ""
        with closing(self._output(exec_id)) as output:
            for stream, data in output:
                complaint = complaint or _complaint(data)
                sink.feed(stream, data)
        stdout, stderr = sink.end()
        exit_code = self._exit_code(exec_id, argv[0])
        if exit_code in {126, 127} and complaint:
            raise EngineRefused(_not_started(argv[0], name, complaint))
        return ExecResult(exit_code, stdout, stderr)

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def _output(self, exec_id: str) -> Generator[tuple[Stream, bytes], None, None]:
        """Start the process and yield what it prints, until it ends or the receiver closes this.

        The SDK's own exec_start() reads below the buffer of http.client and so loses a frame that
        arrives together with the headers. Without its "Connection: Upgrade" the answer is plain
        HTTP whose body is the stream, which may be read in the ordinary way; the Engine API
        leaves the choice to the client.
        """
        with self._connection.api() as api:
            response = api.post(
                f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start",
                json={"Detach": False, "Tty": False},
                stream=True,
                timeout=(self._connection.timeout, None),
            )
            with closing(response):
                _raise_for_status(response)
                yield from frames(response.raw.read)

    def _exit_code(self, exec_id: str, program: str) -> int:
        """Return the exit code of a process whose output has ended.

        Raises:
            EngineUnavailable: it runs on, so that the connection broke and output was lost; or
                the engine has forgotten it, which a restart of the engine does.
        """
        deadline = time.monotonic() + _END_WITHIN_S
        while True:
            with self._connection.api() as api:
                try:
                    state = api.exec_inspect(exec_id)
                except NotFound as error:
                    raise EngineUnavailable(
                        f"the engine no longer knows about {program}: was it restarted?"
                    ) from error
            if not state["Running"] and state["ExitCode"] is not None:
                return int(state["ExitCode"])
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"the connection to {program} broke; it may still be running"
                )
            time.sleep(_POLL_S)


def _sink(on_line: OnLine | None, on_chunk: OnChunk | None) -> HandedOn | PassedOn | Kept:
    if on_chunk is not None:
        return PassedOn(on_chunk)
    return Kept() if on_line is None else HandedOn(on_line)


@contextmanager
def _named(api: docker.APIClient, container_id: str) -> Iterator[str]:
    """Lend the container's name; what the engine says of its id is said of the name."""
    rows = api.containers(all=True, filters={"id": container_id})
    name = by_id([listed(row) for row in rows], container_id).name
    try:
        yield name
    except APIError as error:
        if error.explanation:
            error.explanation = str(error.explanation).replace(container_id, name)
        raise


def _raise_for_status(response: Response) -> None:
    try:
        response.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)  # raises


def _complaint(data: bytes) -> str:
    """Return the engine's word that the process never started: it comes as its first output."""
    text = data.decode("utf-8", "replace").strip()
    return text if text.startswith(_NOT_STARTED) else ""


def _not_started(program: str, container: str, complaint: str) -> str:
    if any(words in complaint for words in _PROGRAM_MISSING):
        return f"there is no program {program} in the container {container}"
    return f"{program} cannot be run in the container {container}: {complaint}"
