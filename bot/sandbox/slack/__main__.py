"""python -m bot.sandbox.slack: the workspace as a program, until it is told to end."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from bot.sandbox.slack.seed import SAMPLE, from_file, seeded
from bot.sandbox.slack.server import STAND_IN, SlackServer


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the first line printed holds the address."""
    parser = argparse.ArgumentParser(prog="bot.sandbox.slack", description=STAND_IN)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container of its own")
    parser.add_argument("--address", help="what others call it, as in http://127.0.0.1:8080")
    parser.add_argument("--state", type=Path, help="JSON file with users, usergroups, channels")
    parser.add_argument("--request-url", help="HTTP mode: where the app listens")
    options = parser.parse_args(argv)
    try:
        workspace = from_file(options.state) if options.state else seeded(SAMPLE)
    except (OSError, ValueError, TypeError, LookupError) as error:
        parser.error(f"--state {options.state}: {error}")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with SlackServer(workspace, options.host, options.port, options.request_url) as server:
        if options.address:
            workspace.base_url = options.address.rstrip("/")
        sys.stdout.write(f"{server.api_url} slack sandbox ({STAND_IN})\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
