"""Steps 1 and 12: stop the applications that run now, and start exactly those again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

from bot.core.errors import ContainerNotFound, EngineRefused, StepFailed, Unavailable
from bot.core.models import Container
from bot.core.plan import StepName
from bot.core.steps.stage import Intent, Outcome, Stage, Tools

_ENGINE_BACK_WITHIN = timedelta(minutes=1)  # a restart of the engine takes seconds
_PAUSE = 1.0  # seconds between tries


def _names(containers: tuple[Container, ...]) -> str:
    return ", ".join(c.name for c in containers) or "none is running"


def _stop_intent(work: Tools) -> Intent:
    applications = work.applications
    return Intent(f"stop {_names(applications)}", {"applications": [c.name for c in applications]})


def _stop(work: Tools) -> Outcome:
    """Stop all of them at the same time: people wait for the slowest, not for the sum."""
    applications = work.applications
    with ThreadPoolExecutor(max(1, len(applications)), thread_name_prefix="stop") as threads:
        stopping = [threads.submit(_stop_one, work, container) for container in applications]
        for done, (container, stopped) in enumerate(zip(applications, stopping, strict=True)):
            work.progress(done / len(applications), container.name)
            stopped.result()
    return Outcome(f"stopped {_names(applications)}", {"stopped": _listed(work)})


def _stop_one(work: Tools, container: Container) -> None:
    work.host.stop(container.id, container.stop_timeout or work.target.stop_timeout)


def _all_stopped(work: Tools) -> Outcome | None:
    if any(container.running for container in _now(work).values()):
        return None
    return Outcome(f"{_names(work.applications)} stopped", {"stopped": _listed(work)})


def _all_started(work: Tools) -> Outcome | None:
    now = _now(work)
    if not all(c.id in now and now[c.id].running for c in work.applications):
        return None
    return Outcome(f"{_names(work.applications)} running", {"started": _listed(work)})


def _now(work: Tools) -> dict[str, Container]:
    """Return the run's applications as they are now, by id; those that are gone are left out."""
    planned = {container.id for container in work.applications}
    found = {}
    for ref in work.target.applications:
        with suppress(ContainerNotFound):
            container = work.host.find(ref)
            found[container.id] = container
    return {key: container for key, container in found.items() if key in planned}


def _listed(work: Tools) -> list[str]:
    return [container.name for container in work.applications]


def _start_intent(work: Tools) -> Intent:
    return Intent(f"start {_names(work.applications)}")


def _start(work: Tools) -> Outcome:
    problems = _start_each(work)
    if problems:
        raise StepFailed("not every application could be started: " + "; ".join(problems))
    return Outcome(f"started {_names(work.applications)}", {"started": _listed(work)})


def _start_each(work: Tools) -> list[str]:
    """Start all of them, one failure not keeping the others down, nor an engine that is away."""
    until = work.clock.now() + _ENGINE_BACK_WITHIN
    tried = (_start_one(work, container, until) for container in work.applications)
    return [problem for problem in tried if problem]


def _start_one(work: Tools, container: Container, until: datetime) -> str:
    """Start one, and say what is in the way where it does not; empty where it runs."""
    while True:
        try:
            work.host.start(container.id)
        except EngineRefused as error:
            return f"{container.name}: {error}"
        except Unavailable as error:
            if work.clock.now() >= until:
                return f"{container.name}: {error}"
        else:
            return ""
        work.clock.wait(_PAUSE)


def _start_again(work: Tools) -> str:
    if StepName.START_APPLICATIONS in work.facts:
        return ""
    problems = _start_each(work)
    if problems:
        raise StepFailed("applications are DOWN, start them by hand: " + "; ".join(problems))
    return f"started {_names(work.applications)}" if work.applications else ""


STOP = Stage(StepName.STOP_APPLICATIONS, _stop_intent, _stop, undo=_start_again, probe=_all_stopped)
START = Stage(StepName.START_APPLICATIONS, _start_intent, _start, probe=_all_started, safe=True)
