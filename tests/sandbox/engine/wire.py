"""The Engine API without a client library: what is on the wire."""

import json
import socket
import struct
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

_HEADER = struct.Struct(">BxxxL")


@dataclass(frozen=True)
class Answered:
    """What the engine answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.document["message"])

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """The body as multiplexed output."""
        return unpacked(self.body)


class UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def ask(path: Path, method: str, target: str, body: object = None) -> Answered:
    """Send one request; a body that is not bytes is sent as JSON."""
    connection = UnixConnection(path)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, target, data)
        response: HTTPResponse = connection.getresponse()
        return Answered(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


def unpacked(data: bytes) -> list[tuple[int, bytes]]:
    """Cut multiplexed output into frames."""
    frames = []
    while data:
        stream, length = _HEADER.unpack(data[: _HEADER.size])
        frames.append((stream, data[_HEADER.size :][:length]))
        data = data[_HEADER.size + length :]
    return frames
