"""A relay of the test's own between the bot and a server, that can be cut."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes bytes on until it is cut.

    Args:
        listener: where clients connect.
        connect: opens a connection to the server.
    """

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listener, self._connect = listener, connect
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._refuses = False
        self.swallow = b""
        """A request whose answer is never passed on: the connection is cut instead."""
        self.swallowed = 0

    def serve(self) -> None:
        """Accept clients until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                _reset(client)
                continue
            with contextlib.suppress(OSError):
                pair = (client, self._connect())
                with self._lock:
                    self._pairs.append(pair)
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def cut(self, *, for_s: float = 0) -> None:
        """Break all connections, and refuse new ones for so many seconds."""
        if for_s:
            self._refuses = True
            threading.Timer(for_s, self._let_in).start()
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _reset(end)

    def _let_in(self) -> None:
        self._refuses = False

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select(1):
                    source = client if key.data is server else server
                    data = source.recv(CHUNK)
                    if not data:
                        return self._close(client, server)
                    key.data.sendall(data)
                    if source is client and self.swallow and self.swallow in data:
                        server.recv(CHUNK)  # it has been done
                        self.swallow, self.swallowed = b"", self.swallowed + 1
                        return self._close(client, server)
        return self._close(client, server)

    def _close(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def relaying(listener: socket.socket, connect: Callable[[], socket.socket]) -> Iterator[Relay]:
    """Relay as long as the block lasts."""
    relay = Relay(listener, connect)
    thread = threading.Thread(target=relay.serve, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        relay.cut()
        thread.join()


@contextmanager
def tcp_relay(host: str, port: int) -> Iterator[tuple[Relay, int]]:
    """Relay to a TCP server; yields the relay and the port it listens on, on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    with relaying(listener, lambda: socket.create_connection((host, port))) as relay:
        yield relay, listener.getsockname()[1]


@contextmanager
def unix_relay(path: str, server: str) -> Iterator[Relay]:
    """Relay to a unix socket, from another one at ``path``."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(server)
        return made

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    with relaying(listener, connect) as relay:
        yield relay
