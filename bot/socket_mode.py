"""Socket Mode with a watchdog: the SDK reconnects by itself, but not from everything."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler

from bot.core.errors import ChatUnavailable

logger = logging.getLogger(__name__)

QUIET = 600.0
"""Seconds without a word after which a connection is replaced.

A socket can be open, answer pings, and yet get no more envelopes (bolt-python#1529,
python-slack-sdk#1701); from outside it looks like one in a quiet channel.
"""

UNANSWERED = 30.0
"""Seconds without a pong after which a connection is replaced: nobody is there, or nobody reads."""

_DRAIN = 1.0
"""Seconds an old client has to hand on what it has received already."""


class SocketMode:
    """One connection to Slack, replaced as a whole where it does not come back by itself.

    The SDK takes a socket that the other side has closed for an open one for most of a minute, and
    after an unlucky reconnect reads from the old one for ever; a new client is free of its past.

    Args:
        app: with all listeners.
        app_token: the app-level token.
        quiet: seconds without a word after which a connection is replaced.
        unanswered: the same without a pong.
    """

    def __init__(
        self, app: App, app_token: str, quiet: float = QUIET, unanswered: float = UNANSWERED
    ) -> None:
        self._app, self._token = app, app_token
        self._quiet, self._unanswered = quiet, unanswered
        self._handler: SocketModeHandler | None = None
        self._session: object = None
        self._heard = self._since = 0.0

    def open(self) -> None:
        """Connect.

        Raises:
            ChatUnavailable: Slack offers no connection; it can be tried again.
        """
        handler = SocketModeHandler(self._app, self._token)
        handler.client.on_message_listeners.append(self._hear)
        try:
            handler.connect()  # type: ignore[no-untyped-call] # untyped in Bolt
        except Exception as error:  # urllib's and the SDK's own come through here
            _end(handler)
            said = " ".join(str(error).split())
            raise ChatUnavailable(f"Slack offers no Socket Mode connection: {said}") from error
        self._hear("")
        self._handler = handler

    def is_alive(self) -> bool:
        """Return whether the connection is alive; a dead one is replaced, for the next look."""
        silent = time.monotonic() - self._heard > self._quiet
        if not silent and self._answers():
            return True
        old = self._handler
        try:
            self.open()
        except ChatUnavailable as error:
            logger.warning("the connection is down, trying again: %s", error)
            return False
        if old is not None:  # its threads may hang, which must not stop the watchdog
            threading.Thread(target=_end, args=(old,), name="old socket", daemon=True).start()
        return False

    def close(self) -> None:
        """Disconnect."""
        if self._handler is not None:
            _end(self._handler)

    def _answers(self) -> bool:
        """Ping, and return whether a pong came lately."""
        session = self._handler.client.current_session if self._handler else None
        if session is None or not session.is_active():
            return False
        if session is not self._session:
            self._session, self._since = session, time.time()
        try:
            session.ping(f"{session.session_id}:{time.time()}")
        except OSError:
            return False
        last = session.last_ping_pong_time or self._since
        return time.time() - last < self._unanswered

    def _hear(self, _: str) -> None:
        """Take note of any message; each new socket is greeted with a hello."""
        self._heard = time.monotonic()


def _end(handler: SocketModeHandler) -> None:
    """Close a client, once what it has received is handed on."""
    client = handler.client
    client.auto_reconnect_enabled = False
    session = client.current_session
    if session is not None and session.sock is not None:
        with suppress(OSError):  # closed meanwhile
            session.sock.shutdown(socket.SHUT_RDWR)  # its reader would wait for 3 s
    deadline = time.monotonic() + _DRAIN
    while not client.message_queue.empty() and time.monotonic() < deadline:
        time.sleep(0.01)
    handler.close()  # type: ignore[no-untyped-call] # untyped in Bolt
