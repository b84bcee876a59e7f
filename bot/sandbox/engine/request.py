"""A request as the routes see it, and the three kinds of answers they give."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.sandbox.engine.engine import Engine
from bot.sandbox.engine.faults import EngineFault, bad_request

_FALSE = {"", "0", "no", "false", "none"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Args:
        engine: whom it is asked of.
        names: the parts of the path that the route leaves open.
        query: the first value of each.
        body: as sent.
        api: the version of the API that the path names, such as (1, 41).
        upgrade: whether the client asks for the connection itself.
    """

    engine: Engine
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    api: tuple[int, int]
    upgrade: bool

    def flag(self, name: str) -> bool:
        """Read a truth value of the query as Docker does: "maybe" is true."""
        return self.query.get(name, "").strip().lower() not in _FALSE

    def number(self, name: str) -> int | None:
        """Read a whole number of the query, None where it isn't there.

        Raises:
            EngineFault: it is none.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            message = f'strconv.Atoi: parsing "{text}": invalid syntax'
            raise EngineFault(HTTPStatus.INTERNAL_SERVER_ERROR, message) from error

    def document(self) -> Mapping[str, Any]:
        """Read the body as a JSON object.

        Raises:
            EngineFault: there is none, or it is something else.
        """
        if not self.body:
            raise bad_request("got EOF while reading request body")
        try:
            document = json.loads(self.body)
        except ValueError as error:
            raise bad_request(f"the body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise bad_request("the body is no JSON object")
        return document


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: a JSON value, plain text, or no body at all where it is None."""

    status: HTTPStatus = HTTPStatus.OK
    body: object = None


@dataclass(frozen=True, slots=True)
class Parts:
    """An answer in parts, the headers at once."""

    parts: Iterator[bytes]
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Takeover:
    """The connection becomes a stream, which ends with it.

    Args:
        run: given the connection after the headers have been read by the client.
    """

    content_type: str
    upgrade: bool
    run: Callable[[socket.socket], None]


Reply = Answer | Parts | Takeover
DONE = Answer(HTTPStatus.NO_CONTENT)
NOTHING_TO_DO = Answer(HTTPStatus.NOT_MODIFIED)
