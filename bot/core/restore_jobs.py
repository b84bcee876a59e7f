"""How many sessions a restore may use: cores, entries and connections decide, or a setting."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from bot.core.errors import DatabaseRefused
from bot.core.models import Target
from bot.core.ports import Cluster
from bot.core.toc import TocEntry

MOST = 8
"""Jobs that are chosen at most: from there on disks are the limit rather than cores."""

SMALL = 8 << 20
"""Bytes of a dump below which one session is as quick: three calls of pg_restore cost as much."""

_PARALLEL = frozenset({"TABLE DATA", "INDEX", "CONSTRAINT", "FK CONSTRAINT"})
_LENGTH = 1 << 16  # bytes; files under /proc and /sys tell no size


@dataclass(frozen=True, slots=True)
class Jobs:
    """A number of jobs, and why so many."""

    number: int
    reason: str


def choose_jobs(cluster: Cluster, target: Target, entries: Iterable[TocEntry], size: int) -> Jobs:
    """Return how many sessions pg_restore shall use.

    Args:
        cluster: the server.
        target: with the setting.
        entries: what will be restored.
        size: of the dump, in bytes.
    """
    if target.restore_jobs:
        return Jobs(target.restore_jobs, "by the settings")
    if size < SMALL:
        return Jobs(1, "a small dump")
    limits = (
        (cores(cluster), "cores of the server"),
        (_room(cluster), "half of the connections that are free"),
        (max(1, sum(e.kind in _PARALLEL for e in entries)), "tables and indexes in the dump"),
        (MOST, "the most that is chosen"),
    )
    number, reason = min(limits, key=lambda limit: limit[0])
    return Jobs(number, reason)


def cores(cluster: Cluster) -> int:
    """Return how many cores the server's own processes may use, as its kernel says; at least 1.

    A container may see more cores than its quota lets it use.
    """
    cpus = _allowed(_read(cluster, "/proc/self/status"))
    quota = _quota(
        _read(cluster, "/sys/fs/cgroup/cpu.max")  # version 2 of control groups
        or _read(cluster, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        + " "
        + _read(cluster, "/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    )
    return max(1, min(cpus, quota or cpus))


def _allowed(status: str) -> int:
    """Count the cores in a process's ``Cpus_allowed_list``, such as ``0-3,8``; 1 if unknown."""
    lists = (ln for ln in status.splitlines() if ln.startswith("Cpus_allowed_list:"))
    text = next(lists, ":").partition(":")[2].strip()
    total = 0
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return max(1, total)


def _quota(text: str) -> int | None:
    """Return whole cores of ``quota period`` in microseconds, None where there is no quota."""
    match text.split():
        case [quota, period] if quota.isdigit() and period.isdigit() and int(period):
            return max(1, int(quota) // int(period))
        case _:
            return None


def _room(cluster: Cluster) -> int:
    most = cluster.setting("max_connections") or ""
    free = int(most) - len(cluster.sessions()) if most.isdigit() else 2
    return max(1, free // 2)


def _read(cluster: Cluster, path: str) -> str:
    """Return a file of the server's kernel, nothing where it has none."""
    with suppress(DatabaseRefused):
        return cluster.read_head(path, _LENGTH).decode(errors="replace")
    return ""
