"""The summary's count of faults: honest about failures, and the same under pytest-xdist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

@pytest.fixture
def untidy():
    yield
    raise RuntimeError

@pytest.mark.fault("kill -9")
@pytest.mark.parametrize("point", range(3))
def test_survived(point): pass

@pytest.mark.fault("disk full")
def test_lost(): assert False

@pytest.mark.fault("cut")
def test_survived_but_left_something(untidy): pass

@pytest.mark.fault("cut")
@pytest.mark.skip("no engine")
def test_left_out(): pass

def test_of_no_fault(): assert False
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_failures_count_as_tried_and_not_survived(tmp_path: Path, workers: tuple[str, ...]) -> None:
    printed = _summary(tmp_path, TESTS, *workers)
    assert "faults: 5 tried, 3 survived (kill -9: 3, " in printed
    assert "disk full: 1" in printed
    assert "cut: 1" in printed
    assert "; 1 not run" in printed
    assert "not survived: test_faults.py::test_lost\n" in printed
    assert "not survived: test_faults.py::test_survived_but_left_something\n" in printed


def test_without_faults_nothing_is_said(tmp_path: Path) -> None:
    assert "faults:" not in _summary(tmp_path, "def test_of_no_fault(): pass")


def _summary(directory: Path, tests: str, *options: str) -> str:
    (directory / "test_faults.py").write_text(tests)
    (directory / "pytest.ini").write_text("[pytest]\nmarkers = fault(name): a fault\n")
    argv = [sys.executable, "-m", "pytest", "-p", "tests.fault_count", "-p", "no:cacheprovider"]
    finished = subprocess.run(
        [*argv, *options, "."],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout
