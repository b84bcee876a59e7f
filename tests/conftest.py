"""Decides about the Docker tests, and says at the end what was not run and why."""

import signal
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import fault_count
from tests.docker.environment import (
    NO_COMMUNITY,
    REQUIRE_VARIABLE,
    DockerEnvironment,
    community_reason,
)

DOCKER_TESTS = tuple(Path(__file__).parent / name for name in ("docker", "scenarios"))
ENVIRONMENT = pytest.StashKey[DockerEnvironment]()
NAMES_SHOWN = 12


def pytest_configure(config: pytest.Config) -> None:
    """Make the (lazy) environment; its containers go when pytest ends, on Ctrl-C as well."""
    # A shell's background job starts with these ignored, and so would every process of ours that
    # the tests mean to stop.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
    config.stash[ENVIRONMENT] = environment = DockerEnvironment()
    config.add_cleanup(environment.close)
    config.pluginmanager.register(fault_count)
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[ENVIRONMENT].describe_engine()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(directory) for directory in DOCKER_TESTS):
            item.add_marker(pytest.mark.docker)


@pytest.hookimpl(trylast=True)
def pytest_report_collectionfinish(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> str | None:
    """Prepare the environment where it will be used, to print what the tests will meet."""
    if config.option.collectonly or not any(item.get_closest_marker("docker") for item in items):
        return None
    environment = config.stash[ENVIRONMENT]
    missing = environment.missing()
    return environment.describe_database() if missing is None else f"docker: {missing}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") is None:
        return
    environment = item.config.stash[ENVIRONMENT]
    missing = environment.missing()
    if missing is not None and environment.is_required:
        pytest.fail(f"{REQUIRE_VARIABLE} is set, but {missing}", pytrace=False)
    if missing is not None:
        pytest.skip(missing)
    reason = community_reason(environment.prepared())
    if item.get_closest_marker("community") is not None and reason is not None:
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was left out, by reason."""
    left_out: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        left_out[str(reason).removeprefix("Skipped: ")].append(report.nodeid)
    if not left_out:
        return
    terminalreporter.section("not run")
    for reason, tests in left_out.items():
        number = f"{len(tests)} test{'s' if len(tests) > 1 else ''}"
        terminalreporter.line(f"not run here, since {reason}: {number}")
        shown = len(tests) if NO_COMMUNITY in reason else NAMES_SHOWN
        for test in tests[:shown]:
            terminalreporter.line(f"    {test}")
        if len(tests) > shown:
            terminalreporter.line(f"    and {len(tests) - shown} more")


@pytest.fixture(scope="session")
def docker_environment(pytestconfig: pytest.Config) -> DockerEnvironment:
    """The session's engine, image and shared database, not yet prepared."""
    return pytestconfig.stash[ENVIRONMENT]
