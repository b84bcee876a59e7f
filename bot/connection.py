"""What keeps the bot reachable: Socket Mode or HTTP, a watchdog, and a heartbeat to check."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot.adapters.slack.client import SlackApi
from bot.core.errors import ChatUnavailable
from bot.http_server import serving
from bot.manifest import HTTP_PATH
from bot.settings import Settings
from bot.socket_mode import QUIET, SocketMode

logger = logging.getLogger(__name__)

BEAT = 10.0
"""Seconds between looks at the connection."""

STALE = 60.0
"""Seconds after the last heartbeat at which the bot counts as dead."""


def heartbeat_path(settings: Settings) -> Path:
    """Return the file whose time says when Slack was last seen alive; beside the audit log."""
    return settings.audit_path.with_suffix(".heartbeat")


def alive(settings: Settings, stale: float = STALE) -> bool:
    """Return whether the last heartbeat is no older than ``stale`` seconds."""
    try:
        return time.time() - heartbeat_path(settings).stat().st_mtime < stale
    except OSError:
        return False


@contextmanager
def connected(
    app: App, api: SlackApi, settings: Settings, *, beat: float = BEAT, quiet: float = QUIET
) -> Iterator[str]:
    """Listen to Slack as long as the context lasts, with a heartbeat.

    Yields the address Slack's requests are taken at, empty in Socket Mode.

    Args:
        app: with all listeners.
        api: asked at each beat whether Slack answers.
        settings: mode, address and tokens.
        beat: seconds between looks at the connection.
        quiet: seconds without a word after which a socket is replaced.

    Raises:
        ChatUnavailable: Slack offers no Socket Mode connection.
        OSError: HTTP mode cannot listen at its address.
    """
    if settings.slack.mode == "http":
        with _http(app, settings) as address, _heartbeat(settings, api, lambda: True, beat):
            yield address
    else:
        with _socket(app, settings, quiet) as is_connected:  # noqa: SIM117 - one line is too long
            with _heartbeat(settings, api, is_connected, beat):
                yield ""


@contextmanager
def _socket(app: App, settings: Settings, quiet: float) -> Iterator[Callable[[], bool]]:
    mode = SocketMode(app, settings.slack.app_token.get_secret_value(), quiet)
    mode.open()
    try:
        yield mode.is_alive
    finally:
        mode.close()


@contextmanager
def _http(app: App, settings: Settings) -> Iterator[str]:
    slack = settings.slack
    # It would write out whole requests of anybody who finds the port, unsigned as they are
    logging.getLogger("slack_bolt.RequestVerification").setLevel(logging.WARNING)
    application = SlackRequestHandler(app, path=HTTP_PATH)
    with serving(application, slack.http_host, slack.http_port) as (host, port):
        address = f"http://{host}:{port}{HTTP_PATH}"
        logger.info("listening at %s", address)
        yield address


@contextmanager
def _heartbeat(
    settings: Settings, api: SlackApi, is_connected: Callable[[], bool], beat: float
) -> Iterator[None]:
    stop = threading.Event()
    path = heartbeat_path(settings)

    def work() -> None:
        while True:
            if is_connected() and _answers(api):
                path.touch()
            if stop.wait(beat):
                return

    thread = threading.Thread(target=work, name="heartbeat", daemon=True)
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
