"""tsbot in a process that kills itself with SIGKILL at a chosen point of a chosen step.

Nothing of the product is replaced: its ports are the real ones, with a fuse around them.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import bot.app
import bot.cli.changing
import bot.cli.restore
import bot.slack_app
from bot.__main__ import main
from bot.core import events as ev
from bot.core.bench import Bench
from bot.core.plan import StepName
from bot.core.ports import Clock
from bot.settings import TargetSettings

BEFORE, AFTER, WHILE = "before", "after", "while"


@dataclass(frozen=True)
class Point:
    """Where a process dies.

    Args:
        step: in which step.
        moment: `before` it acts, its intent being logged; `after` its outcome is logged; `while`
            it reports progress; or the name of a port's method: right after that returned, with
            `before ` in front of it right before it is called.
    """

    step: StepName
    moment: str

    def __str__(self) -> str:
        return f"{self.step.value}-{self.moment}"


class Fuse:
    """Knows the step at work, and lets something happen once, at the point.

    Args:
        point: where.
        happen: what; unless said, this process dies.
    """

    def __init__(self, point: Point, happen: Callable[[], object] | None = None) -> None:
        self.point = point
        self.step: StepName | None = None
        self.blown = False
        self._happen = happen or _die

    def blow(self) -> None:
        if not self.blown:
            self.blown = True
            self._happen()

    def shown(self, event: ev.Event) -> None:
        """Take note of an event; it has been committed to the log."""
        moments = {ev.StepStarted: BEFORE, ev.StepFinished: AFTER, ev.StepProgressed: WHILE}
        if isinstance(event, ev.StepStarted):
            self.step = event.step
        step = getattr(event, "step", None)
        if step is self.point.step and moments.get(type(event)) == self.point.moment:
            self.blow()

    def around(self, port: Any) -> Any:
        return _Fused(port, self)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Fused:
    """A port with the fuse before and after its methods."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def called(*args: object, **kwargs: object) -> object:
            in_step = self._fuse.step is self._fuse.point.step
            if in_step and self._fuse.point.moment == f"{BEFORE} {name}":
                self._fuse.blow()
            result = found(*args, **kwargs)
            if name == "database":
                return self._fuse.around(result)
            if in_step and self._fuse.point.moment == name:
                self._fuse.blow()
            return result

        return called


def run(argv: list[str], environment: dict[str, str], output: str, point: Point | None) -> None:
    """Run tsbot's command line in this process, to its end or to the point."""
    os.environ.clear()
    os.environ.update(environment)
    with Path(output).open("w", buffering=1) as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        sys.stdout = sink
        if point is not None:
            _light(Fuse(point))
        sys.exit(main(argv))


def _light(fuse: Fuse) -> None:
    original: Callable[[TargetSettings, Clock], Bench] = bot.app.bench

    def bench(one: TargetSettings, clock: Clock) -> Bench:
        made = original(one, clock)
        return Bench(made.target, fuse.around(made.host), fuse.around(made.cluster), clock)

    bot.app.bench = bench
    for module in (bot.cli.restore, bot.cli.changing):
        _tell(fuse, module, "TerminalPresenter")
    _tell(fuse, bot.slack_app, "SlackPresenter")


def _tell(fuse: Fuse, module: ModuleType, name: str) -> None:
    """Let the fuse see every event after the presenter of that name has."""

    def show(self: Any, event: ev.Event) -> None:
        shown(self, event)
        fuse.shown(event)

    shown = getattr(module, name).show
    setattr(module, name, type(name, (getattr(module, name),), {"show": show}))


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.docker.crash"])
"""Processes that have all modules loaded already: there are many to be killed."""


def start(
    argv: list[str], environment: dict[str, str], output: Path, point: Point | None = None
) -> BaseProcess:
    """Start a command line in a process of its own."""
    process = CONTEXT.Process(target=run, args=(argv, environment, str(output), point))
    process.start()
    return process


def spawn(
    argv: list[str], environment: dict[str, str], output: Path, point: Point | None = None
) -> int:
    """Run a command line in a process of its own and return how it ended, -9 for a killed one."""
    process = start(argv, environment, output, point)
    process.join(120)
    assert process.exitcode is not None, output.read_text()
    return process.exitcode
