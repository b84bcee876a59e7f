"""Counts the faults that tests survive, and says at the end how many were tried.

A test that survives a fault is marked `fault("name")`; each of its parameters counts. The name
travels in the report's user properties, so it is counted under pytest-xdist too.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

PROPERTY = "fault"
ENDED = ("passed", "failed", "error")


@dataclass(frozen=True)
class FaultCount:
    """What became of the tests that carry the marker.

    Args:
        tried: how often each fault was tried.
        lost: ids of tests that failed, in their set-up and tidying up as well.
        left_out: how many were skipped.
    """

    tried: Counter[str]
    lost: tuple[str, ...]
    left_out: int

    def sentence(self) -> str:
        """Say it in one line; the commonest fault comes first."""
        tried = self.tried.total()
        kinds = ", ".join(f"{name}: {number}" for name, number in self.tried.most_common())
        rest = f"; {self.left_out} not run" if self.left_out else ""
        return f"faults: {tried} tried, {tried - len(self.lost)} survived ({kinds}){rest}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write the fault's name into each report of a test that is marked."""
    for item in items:
        for marker in item.iter_markers("fault"):
            item.user_properties.append((PROPERTY, str(marker.args[0])))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sentence, and the tests that failed."""
    reports = {
        outcome: [r for r in terminalreporter.getreports(outcome) if _faults(r)]
        for outcome in (*ENDED, "skipped")
    }
    if not any(reports.values()):
        return
    counted = count(reports)
    terminalreporter.section("faults")
    terminalreporter.line(counted.sentence())
    for test in counted.lost:
        terminalreporter.line(f"    not survived: {test}")


def count(reports: dict[str, list[pytest.TestReport]]) -> FaultCount:
    """Count reports by outcome: a test that failed in any of its phases has not survived."""
    ended = {r.nodeid: _faults(r) for outcome in ENDED for r in reports[outcome]}
    lost = _ids(reports["failed"]) | _ids(reports["error"])
    tried = Counter(name for names in ended.values() for name in names[:1])
    return FaultCount(tried, tuple(sorted(lost)), len(_ids(reports["skipped"])))


def _ids(reports: Iterable[pytest.TestReport]) -> set[str]:
    return {report.nodeid for report in reports}


def _faults(report: pytest.TestReport) -> list[str]:
    # Reports of modules that could not be collected have no properties.
    properties = getattr(report, "user_properties", ())
    return [str(value) for name, value in properties if name == PROPERTY]
