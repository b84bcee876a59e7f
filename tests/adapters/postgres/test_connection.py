"""What needs no server: DSNs, refused connections, and what an error message must not hold."""

import socket
import threading
from collections.abc import Iterator

import pytest

from bot.adapters.postgres import PostgresCluster
from bot.core.errors import DatabaseUnavailable, SettingsInvalid

PASSWORD = "s3cret/wörd"
QUOTED = "s3cret%2Fw%C3%B6rd"


def cluster(port: int) -> PostgresCluster:
    return PostgresCluster(
        f"postgresql://postgres:{QUOTED}@127.0.0.1:{port}/postgres?sslmode=disable"
    )


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def telltale_port() -> Iterator[int]:
    """A server that answers every connection with an error that repeats the password."""
    fields = b"SFATAL\0C28P01\0Mno entry with " + PASSWORD.encode() + b", nor " + QUOTED.encode()
    body = fields + b"\0\0"
    answer = b"E" + (len(body) + 4).to_bytes(4) + body

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_a_server_that_is_not_there_is_unavailable(closed_port: int) -> None:
    with pytest.raises(DatabaseUnavailable, match="refused"):
        cluster(closed_port).identity()


def test_an_unavailable_server_is_described_in_one_line(closed_port: int) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        cluster(closed_port).identity()
    assert "\n" not in str(raised.value)


def test_no_message_repeats_the_password_even_where_the_server_does(telltale_port: int) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"no entry with \*\*\*, nor \*\*\*") as raised:
        cluster(telltale_port).identity()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("dsn", ["host=db hunter2", "postgresql://u:hunter2@[::1/db"])
def test_a_dsn_that_cannot_be_parsed_is_refused_without_being_quoted(dsn: str) -> None:
    with pytest.raises(SettingsInvalid, match="postgresql://") as raised:
        PostgresCluster(dsn)
    assert "hunter2" not in str(raised.value)


def test_nothing_is_connected_before_a_question_is_asked(closed_port: int) -> None:
    assert cluster(closed_port).database("ecoanp").name == "ecoanp"
