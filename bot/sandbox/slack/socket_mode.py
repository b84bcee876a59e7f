"""Socket Mode's server side: tickets, hello, envelopes, acks, disconnect."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from urllib.parse import parse_qs

from simple_websocket import (  # type: ignore[import-untyped]  # it ships no types
    ConnectionClosed,
    ConnectionError,
    Server,
)

from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.state import Workspace

MOST_CONNECTIONS = 10
ANSWERED = frozenset({"slash_commands", "interactive"})  # these take a payload with their ack


class Link:
    """One open WebSocket of the app."""

    def __init__(self, ws: Server) -> None:
        self.id = uuid.uuid4().hex
        self._ws = ws
        self._sending = threading.Lock()

    def send(self, message: Json) -> bool:
        """Send a message; False when the socket is gone."""
        try:
            with self._sending:
                self._ws.send(json.dumps(message))
        except (ConnectionClosed, OSError):
            return False
        return True

    def receive(self) -> Json | None:
        """Wait for the app's next message; None when the socket is closed."""
        try:
            return dict(json.loads(self._ws.receive() or "{}"))
        except ConnectionClosed:
            return None

    def close(self) -> None:
        """End the connection the polite way."""
        try:
            with self._sending:
                self._ws.close()
            self._ws.sock.shutdown(socket.SHUT_RDWR)
        except (ConnectionClosed, OSError):
            return  # the app was faster

    def join(self) -> None:
        """Wait for the socket's reader thread."""
        self._ws.thread.join()


class SocketHub:
    """All open sockets of the app; a payload goes to any one of them, in turn."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._links: deque[Link] = deque()
        self.opened = 0
        """How many sockets were ever open."""

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._links)

    def serve(self, connection: socket.socket, headers: Mapping[str, str], query: str) -> None:
        """Serve one upgrade request until its socket closes; a ticket is good for one."""
        ticket = parse_qs(query).get("ticket", [""])[0]
        with self._workspace.lock:
            known = ticket in self._workspace.tickets
            self._workspace.tickets.discard(ticket)
        if not known:
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            return
        environ = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in headers.items()}
        try:
            link = Link(Server({"werkzeug.socket": connection, **environ}))
        except (ConnectionError, OSError):
            return  # not a WebSocket client, or gone already
        try:
            self._converse(link)
        finally:
            link.close()
            link.join()

    def carry(self, delivery: Delivery) -> bool:
        """Send an envelope over one of the sockets."""
        envelope: Json = {
            "envelope_id": delivery.envelope_id,
            "type": delivery.kind,
            "accepts_response_payload": delivery.kind in ANSWERED,
            "payload": delivery.payload,
        }
        if delivery.kind == "events_api":
            reason = "timeout" if delivery.attempt else ""
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": reason}
        return any(link.send(envelope) for link in self._in_turn())

    def disconnect(self, reason: str = "warning") -> None:
        """Ask all sockets to reconnect; any reason but "warning" closes them as well."""
        for link in self._in_turn():
            link.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
            if reason != "warning":
                link.close()

    def _in_turn(self) -> list[Link]:
        with self._workspace.lock:
            self._links.rotate(-1)
            return list(self._links)

    def _converse(self, link: Link) -> None:
        workspace = self._workspace
        with workspace.lock:
            if len(self._links) >= MOST_CONNECTIONS:
                link.send({"type": "disconnect", "reason": "too_many_websockets"})
                return
            self._links.append(link)
            self.opened += 1
            workspace.touch()
            link.send(self._hello())
        try:
            while (message := link.receive()) is not None:
                if "envelope_id" in message:
                    ack = message.get("payload")
                    workspace.deliveries.acknowledge(message["envelope_id"], ack, link.id)
        finally:
            with workspace.lock:
                self._links.remove(link)
                workspace.touch()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._links),
            "debug_info": {
                "host": "sandbox",
                "build_number": 0,
                "approximate_connection_time": 18060,
            },
            "connection_info": {"app_id": self._workspace.app_id},
        }
