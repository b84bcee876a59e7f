"""What keeps the bot reachable: Socket Mode or HTTP, a watchdog, and a heartbeat to check."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot.adapters.slack.client import SlackApi
from bot.core.errors import ChatUnavailable
from bot.manifest import HTTP_PATH
from bot.settings import Settings

logger = logging.getLogger(__name__)

BEAT = 10.0
"""Seconds between looks at the connection."""

STALE = 60.0
"""Seconds after the last heartbeat at which the bot counts as dead."""


def heartbeat_path(settings: Settings) -> Path:
    """Return the file whose time says when Slack was last seen alive; beside the audit log."""
    return settings.audit_path.with_suffix(".heartbeat")


def alive(settings: Settings) -> bool:
    """Return whether the last heartbeat is recent."""
    try:
        return time.time() - heartbeat_path(settings).stat().st_mtime < STALE
    except OSError:
        return False


@contextmanager
def connected(app: App, api: SlackApi, settings: Settings) -> Iterator[None]:
    """Listen to Slack as long as the context lasts, with a heartbeat."""
    listening = _socket(app, settings) if settings.slack.mode == "socket" else _http(app, settings)
    with listening as is_connected, _heartbeat(settings, api, is_connected):
        yield


@contextmanager
def _socket(app: App, settings: Settings) -> Iterator[Callable[[], bool]]:
    handler = SocketModeHandler(app, settings.slack.app_token.get_secret_value())
    handler.connect()  # type: ignore[no-untyped-call] # untyped in Bolt
    try:
        yield lambda: _reconnected(handler)
    finally:
        handler.close()  # type: ignore[no-untyped-call] # the same


def _reconnected(handler: SocketModeHandler) -> bool:
    """Return whether the socket is alive; a dead one is replaced, for the next look to see."""
    client = handler.client
    if client is None or client.is_connected():
        return client is not None
    try:
        client.connect_to_new_endpoint(force=True)
    except Exception:  # the SDK lets urllib's and its own errors through; the next beat tries again
        logger.warning("Socket Mode is down, trying again in %.0f s", BEAT, exc_info=True)
    return False


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Leave requests out of the log; the audit log has what matters."""


@contextmanager
def _http(app: App, settings: Settings) -> Iterator[Callable[[], bool]]:
    slack = settings.slack
    server = make_server(
        slack.http_host,
        slack.http_port,
        SlackRequestHandler(app, path=HTTP_PATH),
        server_class=_Server,
        handler_class=_Quiet,
    )
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    logger.info("listening on %s:%d%s", *server.server_address[:2], HTTP_PATH)
    try:
        yield thread.is_alive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _heartbeat(
    settings: Settings, api: SlackApi, is_connected: Callable[[], bool]
) -> Iterator[None]:
    stop = threading.Event()
    path = heartbeat_path(settings)

    def beat() -> None:
        while True:
            if is_connected() and _answers(api):
                path.touch()
            if stop.wait(BEAT):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        path.unlink(missing_ok=True)


def _answers(api: SlackApi) -> bool:
    try:
        api.read("auth.test", {})
    except ChatUnavailable as error:
        logger.warning("Slack does not answer: %s", error)
        return False
    return True
