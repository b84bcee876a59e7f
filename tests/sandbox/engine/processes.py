"""Looking at processes, and waiting for what happens to them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

WITHIN_S = 10.0


def eventually(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds. Raises AssertionError."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()
