"""A workspace, the real bot on a real Socket Mode connection to it, and a real server to restore.

Tests say what people do; what they look at is what stands in Slack and in the audit log.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.slack.pending import Pace
from bot.app import base
from bot.connection import connected
from bot.core.audit import Draft, Query
from bot.core.gate import POLL
from bot.core.runs import Runs
from bot.sandbox.slack import Person, SlackServer, Workspace
from bot.settings import load_settings
from bot.slack_app import slack_bot
from tests.docker.crash import Point, start
from tests.docker.sample import DATABASE
from tests.scenarios.run import RESTORED_S, WITHIN_S, Run
from tests.scenarios.site import DUMP, Site

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
BRISK = Pace(post_every=0.02)
"""For a bot that has as many runs in a minute as others in a year."""
DEFAULTS: Mapping[str, object] = MappingProxyType({})
AT_ONCE: Mapping[str, object] = MappingProxyType({"gate": "start"})
"""A target whose approvers are asked before anything is done: for what looks at the gate alone."""
PASSWORDS = tuple(f"TSBOT_TARGET_{name}_PASSWORD" for name in ("MAIN", "NOBASE", "NOENGINE"))
T = TypeVar("T")


class Office:
    """A workspace and a bot's settings and log. Ana may ask; @dba (Ben and Cho) may approve."""

    def __init__(
        self,
        site: Site,
        directory: Path,
        approval: Mapping[str, object] = DEFAULTS,
        pace: Pace = BRISK,
        poll: float = POLL,
        target: Mapping[str, object] = DEFAULTS,
    ) -> None:
        self.site = site
        self.pace, self.poll = pace, poll
        self.directory = directory
        self.workspace = Workspace()
        for name in ("ana", "ben", "cho", "dan"):
            self.workspace.add_user(name)
        self.workspace.add_usergroup("dba", ["ben", "cho"])
        for name in ("ops", "random"):
            self.workspace.add_channel(name)
        self.server = SlackServer(self.workspace)
        self.runs: Runs | None = None
        self.begun: list[str] = []
        self.outputs: list[Path] = []
        self._approval = approval
        self._main = target

    def __getitem__(self, name: str) -> Person:
        """One of the people."""
        return Person(self.workspace, name)

    def newcomer(self, *, approver: bool = False, **fields: str | bool) -> Person:
        """Let somebody new join #ops, and @dba where they are to approve; `fields` as of `User`."""
        user = self.workspace.add_user(f"new{secrets.token_hex(4)}")
        with self.workspace.lock:
            for name, value in fields.items():
                setattr(user, name, value)
            self.workspace.channel("ops").members.append(user.id)
            if approver:
                self.workspace.usergroup("dba").users.append(user.id)
        return Person(self.workspace, user.id)

    def until(self, condition: Callable[[], T], what: str, timeout: float = WITHIN_S) -> T:
        """Poll until a condition holds and return its value. Raises TimeoutError."""
        return self.workspace.wait_for(condition, timeout, what)

    @property
    def audit_path(self) -> Path:
        """The audit log."""
        return self.directory / "audit.db"

    def log(self, action: str = "", run_id: str = "") -> list[Draft]:
        """Return what the audit log holds now, read as any other process would read it."""
        store = AuditStore(self.audit_path, SystemClock(), writable=False)
        with closing(store):
            return [e.draft for e in store.log.entries(Query(run_id=run_id, action=action))]

    def told(self, person: Person, act: Callable[[], object], channel: str = "ops") -> str:
        """Let somebody act and return the sentence only they are answered with."""
        before = len(person.ephemerals(channel))
        act()
        answers = self.until(lambda: person.ephemerals(channel)[before:], "an answer")
        return answers[0].text

    def say(self, name: str, line: str, channel: str = "ops") -> str:
        """Let somebody type a command and return what they are answered."""
        person = self[name]
        return self.told(person, lambda: person.command(line, channel), channel)

    def restore(self, dump: str = DUMP, options: str = "", by: str = "ana") -> Run:
        """Ask for a restore and wait for its gate."""
        run = self.ask(f"/restore {dump} main {options}", by)
        run.until(lambda: run.gates, "a gate", RESTORED_S)
        return run

    def ask(self, line: str, by: str = "ana") -> Run:
        """Ask for a run that is allowed, and return it."""
        answer = self.say(by, line)
        assert "has begun: run " in answer, answer
        self.begun.append(answer.rstrip(".").rpartition(" ")[2])
        return Run(self, self.begun[-1])

    def settle(self) -> None:
        """End whatever a test has left: faults, runs, people out of the list."""
        with self.workspace.lock:
            self.workspace.faults.clear()
        if self.runs is None:
            return
        with self.workspace.lock:
            dba = [self["ben"].id, self["cho"].id]
            self.workspace.usergroup("dba").users[:] = dba
        for run_id in self.begun:
            self.runs.cancel(run_id)
        assert self.runs.join(WITHIN_S), "a run does not end"
        runs = [Run(self, run_id) for run_id in self.begun]
        self.until(lambda: all(run.is_told for run in runs), "the ends of all runs in the channel")
        self.begun.clear()

    @contextmanager
    def serving(self) -> Iterator[Office]:
        """Run the real app object in this process."""
        self.write_settings()
        settings = load_settings(self.directory / "tsbot.toml")
        with ExitStack() as stack:
            parts = stack.enter_context(base(settings))
            bot = stack.enter_context(slack_bot(parts, pace=self.pace, poll=self.poll))
            stack.enter_context(connected(bot.app, bot.api, settings))
            self.runs = bot.desk.runs
            self.until(lambda: self.server.sockets.connections, "a socket")
            yield self
            self.settle()

    @contextmanager
    def process(self, point: Point | None = None) -> Iterator[BaseProcess]:
        """Run `tsbot run` in a process of its own, killed at the end if need be.

        Where there is a point, it kills itself there; otherwise not before it has given back the
        claims of the runs that have ended, which it does a moment after the channel is told.
        """
        self.write_settings()
        before = self.server.sockets.opened
        process = self.tsbot("run", point=point)
        try:
            self.until(lambda: self.server.sockets.opened > before, "a socket")
            yield process
            if process.is_alive():
                self.until(lambda: not self._held_by_ended(), "the claims of ended runs given back")
        finally:
            process.kill()
            process.join(WITHIN_S)

    def _held_by_ended(self) -> list[str]:
        store = AuditStore(self.audit_path, SystemClock(), writable=False)
        with closing(store):
            held = [claim.run_id for claim in store.claims.held()]
        return [run_id for run_id in held if Run(self, run_id).outcome]

    def tsbot(self, *argv: str, point: Point | None = None) -> BaseProcess:
        """Start a command line of tsbot's; `printed` says what came of it."""
        environment = {**os.environ, "TSBOT_CONFIG": str(self.directory / "tsbot.toml")}
        self.outputs.append(self.directory / f"output-{len(self.outputs)}.txt")
        return start(list(argv), environment, self.outputs[-1], point)

    def printed(self, *argv: str) -> str:
        """Run a command line of tsbot's to its end and return what it printed."""
        process = self.tsbot(*argv)
        process.join(WITHIN_S)
        return self.outputs[-1].read_text(errors="replace")

    def write_settings(self) -> None:
        """Write tsbot.toml; targets without a server or an engine stand beside the good one."""
        os.environ.update(dict.fromkeys(PASSWORDS, self.site.database.password))
        tables: dict[str, dict[str, object]] = {
            "slack": {
                "api_url": self.server.api_url,
                "channels": [self.workspace.channel("ops").id],
                "requesters": [self["ana"].id, self["ben"].id],
            },
            "approval": {
                "approvers": [self.workspace.usergroup("dba").id],
                "grace": "2s",
                **self._approval,
            },
            "audit": {"path": str(self.audit_path)},
            "targets.main": self._target(**self._main),
            "targets.nobase": self._target(
                dsn="postgresql://postgres@127.0.0.1:1/postgres", database="nobase"
            ),
            "targets.noengine": self._target(
                docker="unix:///nowhere/docker.sock", database="noengine"
            ),
        }
        lines = [
            line
            for table, keys in tables.items()
            for line in (f"[{table}]", *(f"{key} = {json.dumps(v)}" for key, v in keys.items()))
        ]
        (self.directory / "tsbot.toml").write_text("\n".join(lines))

    def _target(self, **changes: object) -> dict[str, object]:
        database = self.site.database
        return {
            "dsn": f"postgresql://postgres@{database.host}:{database.port}/postgres",
            "database": DATABASE,
            "container": database.name,
            "applications": [self.site.application.name, self.site.idle.name],
            "docker": os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE,
            "stop_timeout": "3s",
            **changes,
        }
