"""The HTTP front of the engine: a thread for each connection."""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.sandbox.engine import routes, views
from bot.sandbox.engine.engine import Engine
from bot.sandbox.engine.faults import EngineFault, bad_request
from bot.sandbox.engine.request import Answer, Parts, Reply, Request, Takeover
from bot.sandbox.engine.streams import chunked, wait_until_read


class Front(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The listening socket; remembers its connections, so that they can be ended."""

    request_queue_size = 64

    def __init__(self, path: Path, engine: Engine) -> None:
        self.engine = engine
        self._open: dict[threading.Thread, socket.socket] = {}
        self._guard = threading.Lock()
        super().__init__(str(path), _Handler)

    def server_bind(self) -> None:
        """Bind for the current account alone."""
        super().server_bind()
        Path(str(self.server_address)).chmod(0o600)  # nobody can connect before it listens

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        # Daemons: a program that ends without closing the engine must not wait for its clients.
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._guard:
            self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._guard:
                self._open.pop(threading.current_thread(), None)

    def sever(self) -> None:
        """End all connections and wait for their threads."""
        with self._guard:
            connections = dict(self._open)
        for connection in connections.values():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended by itself
        for thread in connections:
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print a failure of ours, and nothing where the client hung up."""
        if not isinstance(sys.exception(), ConnectionError):  # a client that hung up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Front

    def do_GET(self) -> None:
        """Answer whatever the method."""
        try:
            reply = self._reply()
        except EngineFault as fault:
            reply = Answer(fault.status, {"message": fault.message})
        except OSError as error:
            reply = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": str(error)})
        if isinstance(reply, Answer):
            self._send(reply)
        elif isinstance(reply, Parts):
            self._send_parts(reply)
        else:
            self._hand_over(reply)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 # http.server's names

    def version_string(self) -> str:
        return views.STAND_IN

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _reply(self) -> Reply:
        url = urlsplit(self.path)
        body = self._body()
        api, path = routes.without_version(unquote(url.path))
        route, names = routes.find(self.command, path)
        query = dict(reversed(parse_qsl(url.query, keep_blank_values=True)))
        upgrade = "upgrade" in self.headers
        return route(Request(self.server.engine, names, query, body, api, upgrade))

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.close_connection = True  # what follows is not looked at
            raise bad_request("the sandbox engine takes no chunked body")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self.close_connection = True
            raise bad_request(f"bad Content-Length {length!r}")
        return self.rfile.read(int(length))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self._send_engine_headers()
        if answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            self.end_headers()
            return
        is_text = isinstance(answer.body, str)
        body = b"" if self.command == "HEAD" else _written(answer.body)
        kind = "text/plain; charset=utf-8" if is_text else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_parts(self, answer: Parts) -> None:
        self.send_response(HTTPStatus.OK)
        self._send_engine_headers()
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunked(answer.parts):
            self.wfile.write(chunk)

    def _hand_over(self, answer: Takeover) -> None:
        self.close_connection = True
        if answer.upgrade:
            self.send_response(HTTPStatus.SWITCHING_PROTOCOLS, "UPGRADED")
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "tcp")
        else:
            self.send_response(HTTPStatus.OK)
        self._send_engine_headers()
        self.send_header("Content-Type", answer.content_type)
        self.end_headers()
        wait_until_read(self.connection)
        answer.run(self.connection)

    def _send_engine_headers(self) -> None:
        self.send_header("Api-Version", views.API_VERSION)
        self.send_header("Docker-Experimental", "false")
        self.send_header("Ostype", "linux")


def _written(body: object) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
