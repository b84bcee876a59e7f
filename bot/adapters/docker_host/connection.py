"""The way to a Docker engine, and what its failures are called here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig
from docker.transport import SSHHTTPAdapter
from paramiko.ssh_exception import SSHException  # type: ignore[import-untyped] # ships no types
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from bot.core.errors import ContainerNotFound, EngineRefused, EngineUnavailable

_KEEPALIVE_S = 30
_FROM_A_PROXY = {502, 503, 504}  # a gateway answered in the engine's place


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for a ``tcp://`` engine: the authority of its certificate, and our own pair."""

    ca: str
    cert: str
    key: str


class _Client(docker.APIClient):
    """The SDK's client, deaf to the environment.

    requests would let REQUESTS_CA_BUNDLE take the place of the settings' authority, and send the
    engine's requests through HTTP_PROXY.
    """

    @property
    def trust_env(self) -> bool:
        """Always false."""
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """Ignore what requests sets in its constructor."""


class Connection:
    """One engine's API client, made when first needed and again after the engine was away.

    Args:
        base_url: ``unix:///path``, ``tcp://host:port`` or ``ssh://user@host``.
        tls: for ``tcp://``; None speaks plain HTTP.
        timeout: seconds the engine has to answer a request.
    """

    def __init__(self, base_url: str, tls: TlsFiles | None, timeout: float) -> None:
        self.base_url = base_url
        self.timeout = timeout
        self._tls = tls
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None

    @contextmanager
    def api(self) -> Iterator[docker.APIClient]:
        """Lend the client; what goes wrong with the engine meanwhile is raised in our words.

        Raises:
            EngineUnavailable: no answer, or the connection broke.
            EngineRefused: the engine answered with an error.
            ContainerNotFound: the engine answered that there is no such thing.
        """
        try:
            with self._translated():
                self._try_socket()
                yield self._connected()
        except EngineUnavailable:
            self._forget()
            raise

    def close(self) -> None:
        """Close the client, if one was made."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _forget(self) -> None:
        """Let the next call negotiate anew: an engine that was away may be a newer one, and a dead
        SSH transport never comes back. Streams of other threads live on: closing a client ends
        idle connections only, except over SSH, where all share one that must be left to them.
        """
        with self._lock:
            client, self._client = self._client, None
        if client is not None and not self.base_url.startswith("ssh://"):
            client.close()

    def _try_socket(self) -> None:
        """Fail here where nobody listens: the SDK leaks its socket where it fails to connect."""
        if self.base_url.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(self.timeout)
                probe.connect(self.base_url.removeprefix("unix://"))

    def _connected(self) -> docker.APIClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> docker.APIClient:
        config: TLSConfig | bool = False
        if tls := self._tls:  # verify: the SDK's default checks nothing, even with an authority
            config = TLSConfig(client_cert=(tls.cert, tls.key), ca_cert=tls.ca, verify=True)
        # The SDK's annotations want whole seconds; what it passes on to takes fractions.
        client = _Client(
            self.base_url,
            version="auto",
            tls=config,
            timeout=self.timeout,  # type: ignore[arg-type]
        )
        _keep_alive(client)
        return client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except NotFound as error:
            raise ContainerNotFound(_explanation(error)) from error
        except APIError as error:
            if error.status_code in _FROM_A_PROXY:
                raise EngineUnavailable(self._away(_explanation(error))) from error
            raise EngineRefused(_explanation(error)) from error
        except (DockerException, HTTPError, SSHException, OSError, EOFError) as error:
            raise EngineUnavailable(self._away(_reason(error))) from error  # requests': an OSError

    def _away(self, reason: str) -> str:
        return f"the Docker engine at {self.base_url} does not answer: {reason}"


def _keep_alive(client: docker.APIClient) -> None:
    """Let a dead peer be noticed while a process is silent: a read has no time limit then."""
    adapter = client.get_adapter(client.base_url)
    if isinstance(adapter, SSHHTTPAdapter) and adapter.ssh_client is not None:
        adapter.ssh_client.get_transport().set_keepalive(_KEEPALIVE_S)
    elif isinstance(adapter, HTTPAdapter) and client.base_url.startswith(("http://", "https://")):
        adapter.poolmanager.connection_pool_kw["socket_options"] = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            *_intervals(),
        ]


def _intervals() -> Iterator[tuple[int, int, int]]:
    for name, value in (("TCP_KEEPIDLE", _KEEPALIVE_S), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # macOS names them otherwise; its defaults are slower
            yield socket.IPPROTO_TCP, getattr(socket, name), value


def _explanation(error: APIError) -> str:
    return str(error.explanation or error).strip()


def _reason(error: BaseException) -> str:
    """Dig out the system's own word: the SDK wraps "Connection refused" up to four times."""
    reason = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror
        elif isinstance(cause, TimeoutError):
            reason = "timed out"
        cause = cause.__cause__ or cause.__context__
    return reason
