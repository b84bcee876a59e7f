"""The adapter over SSH: a real SSH server that, like sshd, hands the engine's stream through."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko  # type: ignore[import-untyped] # ships no types
import pytest

from bot.adapters.docker_host import DockerHost
from bot.core.errors import EngineUnavailable
from bot.core.models import ContainerRef
from bot.core.ports.containers import ExecResult, Stream
from tests.adapters.test_docker_host import ID, serving, well


class Door(paramiko.ServerInterface):  # type: ignore[misc] # ships no types
    """Lets one key in and runs one command."""

    def __init__(self, key: paramiko.PKey, engine: tuple[str, int]) -> None:
        self.key = key
        self.engine = engine

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if key == self.key:
            return int(paramiko.AUTH_SUCCESSFUL)
        return int(paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if command != b"docker system dial-stdio":
            return False
        engine = socket.create_connection(self.engine)
        for source, sink in ((channel, engine), (engine, channel)):
            threading.Thread(target=carry, args=(source, sink), daemon=True).start()
        return True


def carry(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one side ends, then end both."""
    with contextlib.suppress(OSError, EOFError):  # the other direction has ended both
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError, EOFError):  # paramiko's, where the client has gone
            end.close()


@pytest.fixture
def ssh_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An engine behind SSH; known_hosts and the key are in a home directory of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host_key, user_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    home = tmp_path / ".ssh"
    home.mkdir(mode=0o700)
    user_key.write_private_key_file(str(home / "id_ecdsa"))
    transports: list[paramiko.Transport] = []
    with serving(well) as address, socket.create_server(("127.0.0.1", 0)) as listener:
        name, port = address.split(":")
        ssh_port = listener.getsockname()[1]
        known = f"[127.0.0.1]:{ssh_port} {host_key.get_name()} {host_key.get_base64()}\n"
        (home / "known_hosts").write_text(known)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connection)
                transport.add_server_key(host_key)
                transports.append(transport)
                transport.start_server(server=Door(user_key, (name, int(port))))

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"ssh://somebody@127.0.0.1:{ssh_port}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for transport in transports:
            transport.close()


def test_processes_run_over_ssh(ssh_engine: str) -> None:
    adapter = DockerHost(ssh_engine, timeout=5)
    lines: list[tuple[Stream, str]] = []
    for _ in range(5):
        assert adapter.execute(ID, ["psql"]) == ExecResult(0, "fine\n", "")
    adapter.execute(ID, ["psql"], on_line=lambda stream, line: lines.append((stream, line)))
    assert lines == [(Stream.OUT, "fine")]
    adapter.close()


def test_a_host_that_is_not_known_is_not_talked_to(ssh_engine: str, tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "known_hosts").write_text("")
    with pytest.raises(EngineUnavailable, match="not found in known_hosts"):
        DockerHost(ssh_engine, timeout=5).find(ContainerRef(name="db"))
