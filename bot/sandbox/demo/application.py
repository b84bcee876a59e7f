"""An application of the demo: it uses the database all the time and says when it cannot.

python -m bot.sandbox.demo.application reader|writer, with the DSN in DEMO_DSN. SIGTERM ends it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import LiteralString

import psycopg

EVERY = {"writer": 0.5, "reader": 0.1}
"""Seconds between two uses of the database."""

OK = "ok"
"""What it says of each use that went well, after its role."""

_STATEMENTS: dict[str, LiteralString] = {
    "writer": "INSERT INTO public.influx_data VALUES (now(), 1, random() * 20)",
    "reader": "SELECT count(*) FROM public.influx_agg_1h",
}


def run(role: str, dsn: str, stop: threading.Event) -> None:
    """Use the database until asked to stop; a lost connection is made anew a moment later."""
    _say(f"{role}: started")
    while not stop.is_set():
        try:
            _use(role, dsn, stop)
        except psycopg.Error as error:
            _say(f"{role}: {str(error).strip().splitlines()[0]}")
            stop.wait(EVERY[role])
    _say(f"{role}: asked to stop")


def _use(role: str, dsn: str, stop: threading.Event) -> None:
    name = f"plant-{role}"
    with psycopg.connect(
        dsn, autocommit=True, connect_timeout=2, application_name=name
    ) as connection:
        while not stop.wait(EVERY[role]):
            connection.execute(_STATEMENTS[role])
            _say(f"{role}: {OK}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run one role until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(sys.argv[1], os.environ["DEMO_DSN"], stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
