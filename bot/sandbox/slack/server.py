"""The HTTP and WebSocket front of the workspace, on loopback, in threads of this process."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from bot.sandbox.slack import control, payloads, responses
from bot.sandbox.slack.api import methods
from bot.sandbox.slack.faults import ApiFault
from bot.sandbox.slack.page import document, origin
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.socket_mode import SocketHub
from bot.sandbox.slack.state import Workspace
from bot.sandbox.slack.webhook import Webhook

STAND_IN = "a local stand-in, not Slack"
REQUEST_SECONDS = 10.0
SILENT_SECONDS = 0.05  # between looks whether a silence is over


class SlackServer:
    """Serves a workspace. `request_url` switches from Socket Mode to HTTP mode.

    Use it as a context manager or call start() and stop(); port 0 takes a free one.
    """

    def __init__(
        self,
        workspace: Workspace,
        host: str = "127.0.0.1",
        port: int = 0,
        request_url: str | None = None,
    ) -> None:
        self.workspace = workspace
        self.sockets = SocketHub(workspace)
        self._request_url = request_url
        self._address = (host, port)
        self._http: _Front | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The address without a path, e.g. http://127.0.0.1:40001."""
        return self.workspace.base_url

    @property
    def api_url(self) -> str:
        """What a WebClient takes as base_url."""
        return f"{self.base_url}/api/"

    def start(self) -> Self:
        """Listen and serve; returns itself."""
        front = _Front(self._address, self.workspace, self.sockets)
        host, port = front.server_address[:2]
        self.workspace.base_url = f"http://{host!s}:{port}"
        if self._request_url is None:
            self.workspace.deliveries.transport = self.sockets
        else:
            self.deliver_to(self._request_url)
        self._http = front
        self._thread = threading.Thread(
            target=front.serve_forever, kwargs={"poll_interval": 0.02}, name="slack-sandbox"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, cut every connection, wait for every thread."""
        if self._http is None or self._thread is None:
            return
        self.workspace.deliveries.transport = None
        self._http.shutdown()
        self._thread.join()
        self.workspace.faults.silent = False
        self.workspace.touch()  # who waits for a change (control's wait and look) goes now
        self.sockets.disconnect("link_disabled")
        self._http.sever()
        self._http.server_close()
        self._http = self._thread = None

    def deliver_to(self, request_url: str) -> None:
        """Send everything from now on to a request URL, signed (HTTP mode)."""
        workspace = self.workspace
        hook = Webhook(request_url, workspace.signing_secret, workspace.deliveries)
        workspace.deliveries.transport = hook

    def sever(self) -> None:
        """Cut all connections at once, without a word: what a dead network looks like."""
        if self._http is not None:
            self._http.sever()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()


class _Front(ThreadingHTTPServer):
    """The listening socket; remembers its connections, so that they can be cut."""

    daemon_threads = False  # server_close() waits for the threads
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], workspace: Workspace, sockets: SocketHub) -> None:
        self.workspace = workspace
        self.sockets = sockets
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        with self._guard:
            self._open.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        """Forget a connection and close it."""
        with self._guard:
            self._open.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that hang up early; anything else is a bug and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def sever(self) -> None:
        """Cut every open connection."""
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed meanwhile


class _Handler(BaseHTTPRequestHandler):
    """One request. HTTP/1.0, so that each connection ends with its answer."""

    server: _Front
    server_version = "tsbot-slack-sandbox"
    timeout = REQUEST_SECONDS

    def parse_request(self) -> bool:
        """Read the request's head; a stranger's web page goes no further."""
        if not super().parse_request():
            return False
        if why := origin.refusal(self.headers):
            # unread, the body would make the kernel cut the connection before the answer is read
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._send(HTTPStatus.FORBIDDEN, why.encode(), "text/plain; charset=utf-8")
        return not why

    def do_GET(self) -> None:
        """Serve the page, a Socket Mode link, or a Web API call without a body."""
        address = urlsplit(self.path)
        if document.serves(address.path):
            page = document.document()
            self._send(HTTPStatus.OK, page.body, "text/html; charset=utf-8", page.headers)
            return
        if address.path != "/link/":
            self.do_POST()
            return
        if self._is_away():
            return
        self.connection.settimeout(None)
        self.server.sockets.serve(self.connection, dict(self.headers.items()), address.query)

    def do_POST(self) -> None:
        """Serve the Web API, uploads, response_urls and the control interface."""
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        room, _, key = address.path.removeprefix("/").partition("/")
        if room == "control":
            self._control(key, raw)
        elif self._is_away():
            return
        elif room == "api":
            self._api(key, dict(parse_qsl(address.query)) | self._arguments(raw))
        elif room == "response":
            status, text = responses.respond(self.server.workspace, key, self._arguments(raw))
            self._send(status, text.encode(), "text/html")
        elif room == "upload":
            self._upload(key, raw)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"not found", "text/plain")

    def _api(self, name: str, args: Json) -> None:
        workspace = self.server.workspace
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or args.get("token")
        args.pop("token", None)
        with workspace.lock:
            fault = workspace.faults.next_for(name)
        if fault is not None and not fault.after:
            self._fail(fault)
            return
        answer = methods.call(workspace, name, token, args)
        if fault is None:
            scopes = {"X-OAuth-Scopes": ",".join(sorted(answer.scopes))}
            self._send_json(HTTPStatus.OK, answer.body, scopes)
        for event in answer.events:
            payloads.send_event(workspace, event)

    def _is_away(self) -> bool:
        """Tell whether there is to be no answer; while Slack is silent, only after that."""
        faults = self.server.workspace.faults
        away = faults.dead or faults.silent
        while faults.silent:
            time.sleep(SILENT_SECONDS)
        return away

    def _fail(self, fault: ApiFault) -> None:
        """Answer as the fault says; status 0 means no answer at all."""
        if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
            retry = {"Retry-After": str(fault.retry_after)}
            self._send_json(
                HTTPStatus.TOO_MANY_REQUESTS, {"ok": False, "error": "ratelimited"}, retry
            )
        elif fault.status:
            self._send(HTTPStatus(fault.status), b"a fault of the sandbox", "text/plain")

    def _upload(self, file_id: str, raw: bytes) -> None:
        upload = self.server.workspace.uploads.get(file_id)
        if upload is None:
            self._send(HTTPStatus.NOT_FOUND, b"unknown file", "text/plain")
            return
        upload.content = raw
        self._send(HTTPStatus.OK, f"OK - {len(raw)}".encode(), "text/plain")

    def _control(self, verb: str, raw: bytes) -> None:
        # a page elsewhere can post forms to loopback unasked, but not this content type
        if self.headers.get_content_type() != "application/json":
            self._send(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"JSON only", "text/plain")
            return
        status, body = control.run(self.server, verb, self._arguments(raw))
        self._send_json(status, body)

    def _arguments(self, raw: bytes) -> Json:
        """Return the body's arguments; the SDK sends JSON's content type with an empty body too."""
        text = raw.decode(errors="replace")
        if not text:
            return {}
        if self.headers.get_content_type() != "application/json" and not text.startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True))
        try:
            parsed = json.loads(text)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def _send_json(
        self, status: HTTPStatus, body: Json, headers: dict[str, str] | None = None
    ) -> None:
        self._send(status, json.dumps(body).encode(), "application/json; charset=utf-8", headers)

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        content_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        sent = {"Content-Type": content_type, "Content-Length": str(len(body))}
        for name, value in (sent | {"X-Sandbox": STAND_IN} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the call log holds it all."""
