"""A small WSGI server for HTTP mode, which is on the open side of the bot.

It refuses before reading what Slack would never send; signatures are checked behind it.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

LARGEST = 1 << 20
"""Bytes a request may have. Slack's largest, a modal's state, stays well below."""

PATIENCE = 10.0
"""Seconds a client may be silent before it is cut off."""


@contextmanager
def serving(application: WSGIApplication, host: str, port: int) -> Iterator[tuple[str, int]]:
    """Serve until the context ends; yields the address, with the port that was chosen for 0.

    Raises:
        OSError: the address cannot be listened at.
    """
    server = make_server(
        host, port, guarded(application), server_class=_Server, handler_class=_Handler
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="http", daemon=True)
    thread.start()
    try:
        yield str(server.server_address[0]), int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def guarded(application: WSGIApplication) -> WSGIApplication:
    """Return the application behind a look at the body: its length, and that it is text."""

    def guard(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return _refused(start_response, HTTPStatus.BAD_REQUEST)
        if int(length) > LARGEST:
            return _refused(start_response, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = environ["wsgi.input"].read(int(length))
        try:
            body.decode()
        except UnicodeDecodeError:
            return _refused(start_response, HTTPStatus.BAD_REQUEST)
        return application({**environ, "wsgi.input": BytesIO(body)}, start_response)

    return guard


def _refused(start_response: StartResponse, status: HTTPStatus) -> Iterable[bytes]:
    text = status.phrase.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [text]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - overrides
        """Pass over clients that hang up or fall silent; log what else went wrong."""
        error = sys.exception()
        if not isinstance(error, OSError):  # TimeoutError and ConnectionError among them
            logger.error("a request broke off", exc_info=error)


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: object) -> None:
        """Leave requests out of the log; the audit log has what matters."""
