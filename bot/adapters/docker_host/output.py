"""What a process in a container prints: frames into streams, streams into lines. No I/O."""

from __future__ import annotations

import codecs
import io
import struct
from collections.abc import Callable, Iterator

from bot.core.errors import EngineRefused, EngineUnavailable
from bot.core.ports.containers import OnChunk, OnLine, Stream

Read = Callable[[int], bytes]
"""Returns exactly that many bytes, fewer only at the end of the stream."""

KEPT_BYTES = 64 * 2**20
"""How much of both outputs together is kept where nobody takes the lines."""

LINE_LENGTH = 64 * 2**10
"""Characters after which a line is handed on in pieces, so that no line can fill the memory."""

_HEADER = struct.Struct(">BxxxL")
_PIECE = 64 * 2**10
_STREAMS = {1: Stream.OUT, 2: Stream.ERR}


def frames(read: Read) -> Iterator[tuple[Stream, bytes]]:
    """Cut Docker's multiplexed stream into what each output wrote.

    The format is that of the Engine API's attach endpoint: eight bytes of header (the stream's
    number, three zeros, the length as big-endian), then as many bytes.

    Raises:
        EngineUnavailable: the stream ends inside a frame, or is not in this format.
    """
    while header := read(_HEADER.size):
        if len(header) < _HEADER.size:
            raise EngineUnavailable("the output of the process broke off inside a frame")
        number, left = _HEADER.unpack(header)
        if number not in _STREAMS:
            raise EngineUnavailable(f"the engine sent output of an unknown stream {number}")
        while left:
            piece = read(min(left, _PIECE))
            if not piece:
                raise EngineUnavailable("the output of the process broke off inside a frame")
            left -= len(piece)
            yield _STREAMS[number], piece


class LineSplitter:
    """Turns one output's bytes into lines, wherever the bytes were cut.

    UTF-8 is decoded with replacement; ``\\n``, ``\\r\\n`` and a lone ``\\r`` (progress written over
    itself) all end a line.
    """

    def __init__(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that ``data`` completes."""
        *lines, self._rest = self._split(data, final=False)
        while len(self._rest) > LINE_LENGTH:
            lines.append(self._rest[:LINE_LENGTH])
            self._rest = self._rest[LINE_LENGTH:]
        return lines

    def end(self) -> list[str]:
        """Return the last line, if it had no end."""
        *lines, self._rest = self._split(b"", final=True)
        return [*lines, self._rest] if self._rest else lines

    def _split(self, data: bytes, *, final: bool) -> list[str]:
        # Not splitlines(): it also cuts at form feeds and Unicode separators.
        return (self._rest + self._decoder.decode(data, final=final)).split("\n")


class HandedOn:
    """Hands each line to somebody and keeps none."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._splitters = {stream: LineSplitter() for stream in Stream}

    def feed(self, stream: Stream, data: bytes) -> None:
        """Hand on the lines that ``data`` completes; what the receiver raises goes through."""
        for line in self._splitters[stream].feed(data):
            self._on_line(stream, line)

    def end(self) -> tuple[str, str]:
        """Hand on last lines without an end; return nothing kept."""
        for stream, splitter in self._splitters.items():
            for line in splitter.end():
                self._on_line(stream, line)
        return "", ""


class PassedOn:
    """Hands the bytes on as they come and keeps none."""

    def __init__(self, on_chunk: OnChunk) -> None:
        self._on_chunk = on_chunk

    def feed(self, stream: Stream, data: bytes) -> None:
        """Hand on ``data``; what the receiver raises goes through."""
        self._on_chunk(stream, data)

    def end(self) -> tuple[str, str]:
        """Return nothing kept."""
        return "", ""


class Kept:
    """Keeps both outputs, up to a limit."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: dict[Stream, bytearray] = {stream: bytearray() for stream in Stream}

    def feed(self, stream: Stream, data: bytes) -> None:
        """Keep ``data``.

        Raises:
            EngineRefused: it is more than the limit.
        """
        self._size += len(data)
        if self._size > self._limit:
            raise EngineRefused(
                f"the process printed more than {self._limit // 2**20} MiB, which nobody reads "
                "line by line"
            )
        self._pieces[stream] += data

    def end(self) -> tuple[str, str]:
        """Return standard output and standard error."""
        out, err = (self._pieces[stream].decode("utf-8", "replace") for stream in Stream)
        return out, err
