"""How many sessions a restore uses: what limits it is named, and the settings go first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from bot.core.errors import DatabaseRefused
from bot.core.models import ContainerRef, Target
from bot.core.ports import Cluster
from bot.core.restore_jobs import MOST, SMALL, Jobs, choose_jobs, cores
from bot.core.toc import TocEntry

STATUS, V2 = "/proc/self/status", "/sys/fs/cgroup/cpu.max"
QUOTA, PERIOD = (f"/sys/fs/cgroup/cpu/cpu.cfs_{part}_us" for part in ("quota", "period"))
TARGET = Target("prod", "ecoanp", ContainerRef("db"), "/backup")


@dataclass
class Kernel:
    """A server as far as it is asked: files of its kernel, and connections."""

    files: dict[str, str] = field(default_factory=dict)
    connections: str = "100"
    busy: int = 10

    def read_head(self, path: str, length: int) -> bytes:
        if path not in self.files:
            raise DatabaseRefused(f"could not open file {path}", "58P01")
        return self.files[path].encode()[:length]

    def setting(self, _: str) -> str:
        return self.connections

    def sessions(self) -> tuple[None, ...]:
        return (None,) * self.busy


def kernel(cpus: str = "", connections: str = "100", **files: str) -> Cluster:
    known = {"v2": V2, "quota": QUOTA, "period": PERIOD}
    found = {known[name]: text for name, text in files.items()}
    if cpus:
        found[STATUS] = f"Name:\tpostgres\nCpus_allowed:\tff\nCpus_allowed_list:\t{cpus}\n"
    return cast("Cluster", Kernel(found, connections))


def tables(count: int) -> list[TocEntry]:
    return [TocEntry(f"{n}; 0 0 x", "TABLE DATA", "public", "x", "o") for n in range(count)]


def chosen(cluster: Cluster, tables_: int = 100, size: int = SMALL, setting: int = 0) -> Jobs:
    target = Target("prod", "ecoanp", ContainerRef("db"), "/backup", restore_jobs=setting)
    return choose_jobs(cluster, target, tables(tables_), size)


@pytest.mark.parametrize(
    ("cpus", "count"), [("0", 1), ("0-1", 2), ("0-3,8,10-11", 7), ("", 1), ("63", 1)]
)
def test_the_cores_a_process_may_run_on_are_counted(cpus: str, count: int) -> None:
    assert cores(kernel(cpus)) == count


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"v2": "max 100000\n"}, 8),
        ({"v2": "250000 100000\n"}, 2),
        ({"v2": "50000 100000\n"}, 1),
        ({"v2": "1600000 100000\n"}, 8),
        ({"quota": "-1\n", "period": "100000\n"}, 8),
        ({"quota": "300000\n", "period": "100000\n"}, 3),
        ({"v2": "what is this"}, 8),
        ({"v2": "100000 0"}, 8),
    ],
)
def test_a_containers_quota_limits_its_cores(files: dict[str, str], count: int) -> None:
    assert cores(kernel("0-7", **files)) == count


def test_as_many_jobs_as_cores_are_chosen() -> None:
    assert chosen(kernel("0-3")) == Jobs(4, "cores of the server")


def test_a_kernel_that_tells_nothing_gets_one_session() -> None:
    assert chosen(kernel()).number == 1


def test_no_more_jobs_than_tables_and_indexes() -> None:
    assert chosen(kernel("0-7"), 3) == Jobs(3, "tables and indexes in the dump")
    assert chosen(kernel("0-7"), 0).number == 1


def test_half_of_the_free_connections_are_left_to_others() -> None:
    assert chosen(kernel("0-7", "16")) == Jobs(3, "half of the connections that are free")
    assert chosen(kernel("0-7", "5")).number == 1


def test_many_cores_are_not_all_taken() -> None:
    assert chosen(kernel("0-63")).number == MOST


def test_a_small_dump_gets_one_session() -> None:
    assert chosen(kernel("0-7"), size=SMALL - 1) == Jobs(1, "a small dump")


def test_the_settings_go_before_everything() -> None:
    assert chosen(kernel("0"), 1, 5, setting=12) == Jobs(12, "by the settings")
