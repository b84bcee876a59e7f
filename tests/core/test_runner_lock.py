"""A run whose lock breaks ends all the same, and says what is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bot.adapters.docker_host import DockerHost
from bot.core import events as ev
from bot.core.errors import DatabaseUnavailable
from bot.core.prepare import RestoreRequest
from bot.core.runner import RestoreRun
from tests.core.run_samples import ANA, RUN, START, a_plan


def ending(error: Exception, *, at_the_end: bool) -> ev.RunFinished:
    """End a run that does nothing, under a lock that breaks as it is taken or given back."""

    @contextmanager
    def lock(key: str, wait: float) -> Iterator[None]:
        if not at_the_end:
            raise error
        yield
        raise error

    class Idle(RestoreRun):
        def _guarded(self, lease: object) -> tuple[str, str]:
            return "succeeded", "tsdb is restored."

    told: list[Any] = []
    cluster = SimpleNamespace(advisory_lock=lock)
    host = DockerHost("unix:///nowhere/docker.sock")
    clock: Any = SimpleNamespace(now=lambda: START)
    bench: Any = SimpleNamespace(target=a_plan().target, cluster=cluster, host=host, clock=clock)
    journal: Any = SimpleNamespace(record_safe=told.append)
    gate: Any = None
    Idle(RUN, RestoreRequest("demo", "latest"), ANA, bench, gate, journal, bool).execute()
    (finished,) = told
    assert isinstance(finished, ev.RunFinished)
    return finished


@pytest.mark.parametrize("error", [DatabaseUnavailable("gone"), RuntimeError("gone")])
def test_a_lock_that_cannot_be_given_back_changes_nothing_about_how_a_run_ended(
    error: Exception,
) -> None:
    finished = ending(error, at_the_end=True)
    assert (finished.outcome, finished.sentence) == ("succeeded", "tsdb is restored.")


@pytest.mark.parametrize(
    ("error", "outcome"), [(DatabaseUnavailable("gone"), "refused"), (RuntimeError(), "failed")]
)
def test_a_lock_that_cannot_be_taken_ends_the_run_in_front_of_everybody(
    error: Exception, outcome: str
) -> None:
    finished = ending(error, at_the_end=False)
    assert finished.outcome == outcome
    assert finished.sentence.endswith("Nothing was changed.")
