"""A DSN that leads to a pooler, or to a standby, is refused before anything is changed."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.docker.containers import DatabaseContainer
from tests.docker.environment import Prepared
from tests.docker.sample import create_sample
from tests.docker.tsbot import Installation, installed

KEY_DATA = b"K" + struct.pack("!I", 12)
"""How BackendKeyData begins, in which a pooler tells the client another pid than the server's.

Source: PostgreSQL's documentation, "Message Formats".
"""


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("wrong")) as made:
        create_sample(made.database)
        yield made


def passed_on(source: socket.socket, target: socket.socket, *, pooled: bool) -> None:
    with source, target:
        while data := source.recv(1 << 16):
            at = data.find(KEY_DATA) if pooled else -1
            if at >= 0:
                pid = at + len(KEY_DATA)
                data = data[:pid] + struct.pack("!I", 4711) + data[pid + 4 :]
            target.sendall(data)


@contextmanager
def pooler(database: DatabaseContainer) -> Iterator[int]:
    """A port before the server that gives sessions pids of its own, as poolers do."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            server = socket.create_connection((database.host, database.port))
            for pair, pooled in (((client, server), False), ((server, client), True)):
                ends = tuple(end.dup() for end in pair)
                threading.Thread(
                    target=passed_on, args=ends, kwargs={"pooled": pooled}, daemon=True
                ).start()
            client.close()
            server.close()

    listener = socket.create_server(("127.0.0.1", 0))
    with closing(listener):
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def standby(database: DatabaseContainer) -> Iterator[None]:
    """Let the server be a standby, and the primary again."""
    for command in ("touch", "rm"):
        assert database.exec("sh", "-c", f"{command} $PGDATA/standby.signal")[0] == 0
        database.container.restart()
        database.wait_until_ready()
        if command == "touch":
            yield


def test_a_dsn_that_leads_to_a_pooler_is_refused(installation: Installation) -> None:
    before = installation.state()
    with pooler(installation.database) as port:
        dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
        finished = installation.having(dsn=dsn).restore("latest", "--yes")
    assert finished.outcome.draft.status == "refused"
    assert "pooler" in finished.output
    assert installation.state() == before


def test_a_standby_is_refused(installation: Installation) -> None:
    before = installation.state().databases
    with standby(installation.database):
        finished = installation.restore("latest", "--yes")
    assert finished.outcome.draft.status == "refused"
    assert "a standby" in finished.output
    assert installation.state().databases == before
