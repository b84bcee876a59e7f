"""``python -m bot.sandbox.timescaledb``: the main process of the sandbox's database container."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from bot.sandbox.timescaledb.container import run
from bot.sandbox.timescaledb.launcher import REVIVAL


def main() -> int:
    """Read the command line that container_argv() writes, and run."""
    parser = argparse.ArgumentParser(prog="bot.sandbox.timescaledb", description=__doc__)
    parser.add_argument("--prefix", type=Path, required=True, help="PostgreSQL's installation")
    parser.add_argument("--home", type=Path, required=True, help="where data and socket lie")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--deaf", action="store_true", help="hear no START or RESTART")
    parser.add_argument("--launcher-revival", type=float, default=REVIVAL, help="seconds")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="TimescaleDB stand-in: %(message)s")
    return run(
        given.prefix,
        given.home,
        given.port,
        deaf=given.deaf,
        launcher_revival=given.launcher_revival,
    )


if __name__ == "__main__":
    sys.exit(main())
