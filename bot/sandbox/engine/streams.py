"""Docker's streams on a socket: frames of two outputs, and chunks of an answer without length."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"

_HEADER = struct.Struct(">BxxxL")
_READ_WITHIN_S = 1.0
_POLL_S = 0.0005
_PAUSE_S = 0.02


def frame(stream: int, data: bytes) -> bytes:
    """Pack what an output wrote as the Engine API's attach endpoint describes it."""
    return _HEADER.pack(stream, len(data)) + data


class FrameWriter:
    """Writes frames to a client until it hangs up; after that it takes them and forgets them.

    A process must not end, nor stand still, because nobody reads what it prints any more.
    """

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._is_heard = True

    def write(self, stream: int, data: bytes) -> None:
        """Send one frame."""
        if self._is_heard:
            try:
                self._client.sendall(frame(stream, data))
            except OSError:
                self._is_heard = False


def wait_until_read(client: socket.socket) -> None:
    """Wait until the client has taken everything sent so far, for a second at most.

    Clients such as docker-py read frames from the socket itself, below the buffer that read the
    headers: what arrives together with these is lost to them.
    """
    deadline = time.monotonic() + _READ_WITHIN_S
    while time.monotonic() < deadline:
        unread = _unread(client)
        if unread is None:
            time.sleep(_PAUSE_S)
            return
        if unread == 0:
            return
        time.sleep(_POLL_S)


def chunked(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Wrap the parts of an answer as HTTP chunks (RFC 9112, 7.1)."""
    for part in parts:
        if part:
            yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"


def _unread(client: socket.socket) -> int | None:
    """Return the bytes the peer has not taken yet, None where the system can't tell (Linux can:
    unix(7) knows SIOCOUTQ, the same number, by 0 when nothing is left)."""
    if sys.platform != "linux":
        return None
    answer = array.array("i", [0])
    try:
        fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, answer)
    except OSError:
        return None
    return answer[0]
