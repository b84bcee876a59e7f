"""Whether a target's engine, container and server are what the settings say; changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bot.core.dump import DumpReader
from bot.core.errors import Refused, TsbotError
from bot.core.models import Check, Container, Target, Verdict
from bot.core.ports import Cluster, ContainerHost
from bot.core.status import THRESHOLDS

_Answer = tuple[Verdict, str, str]


@dataclass(frozen=True, slots=True)
class ServerChecks:
    """Looks at one target.

    Args:
        target: what the settings say.
        host: its engine.
        cluster: its server.
    """

    target: Target
    host: ContainerHost
    cluster: Cluster

    def run(self) -> Iterator[Check]:
        """Yield one check a question; a question that could not be asked is UNKNOWN."""
        yield _ask("Docker engine", self._engine, "see that the engine runs and can be reached")
        yield _ask("database container", self._container, "start it, or correct its name")
        yield _ask("PostgreSQL", self._server, "see that it runs and that the DSN is right")
        yield _ask("one server", self._one_server, "let DSN and container name the same server")
        yield _ask("extensions", self._extensions, "install them in the image, or correct the list")
        for name, least in THRESHOLDS.items():
            yield _ask(name, partial(self._threshold, name, least), "raise it and restart")
        yield _ask("backup directory", self._backup_dir, "correct backup_dir")

    def container(self) -> Container:
        """Return the running database container.

        Raises:
            Refused: it is stopped.
        """
        found = self.host.find(self.target.container)
        if not found.running:
            raise Refused("container_down", f"container {found.name} is not running; start it.")
        return found

    def _engine(self) -> _Answer:
        return Verdict.OK, f"version {self.host.ping()}", ""

    def _container(self) -> _Answer:
        found = self.container()
        return Verdict.OK, f"{found.name} ({found.id[:12]}) is running", ""

    def _server(self) -> _Answer:
        server = self.cluster.identity()
        evidence = f"PostgreSQL {server.version} as {server.user}"
        if server.pooled:
            return Verdict.FAILED, "the DSN leads to a connection pooler", "connect directly"
        if server.in_recovery:
            return Verdict.FAILED, f"{evidence}: a standby", "let the DSN name the primary"
        if not server.superuser:
            return Verdict.FAILED, f"{evidence}: no superuser", "use a superuser in the DSN"
        return Verdict.OK, f"{evidence}, superuser, primary, direct", ""

    def _one_server(self) -> _Answer:
        """A session opened over the DSN must be seen from inside the container."""
        mark = f"tsbot-{secrets.token_hex(8)}"
        query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{mark}'"  # noqa: S608 - our own hexadecimal digits
        argv = ("psql", "-XAtq", "-w", "-U", self.target.superuser, "-d", "postgres", "-c", query)
        with self.cluster.marked_session(mark):
            seen = self.host.execute(self.container().id, argv, user=self.target.exec_user)
        if seen.exit_code != 0:
            return Verdict.UNKNOWN, f"psql in the container: {seen.stderr.strip()[-200:]}", ""
        if seen.stdout.strip() != "1":
            return Verdict.FAILED, "the DSN and the container are two different servers", ""
        return Verdict.OK, "a session over the DSN is seen from inside the container", ""

    def _extensions(self) -> _Answer:
        available = self.cluster.available_extensions()
        missing = [name for name in self.target.extensions if name not in available]
        if missing:
            return Verdict.FAILED, f"not in the image: {', '.join(missing)}", ""
        return Verdict.OK, f"all {len(self.target.extensions)} are in the image", ""

    def _threshold(self, name: str, least: int) -> _Answer:
        value = self.cluster.setting(name)
        if value is None or not value.isdigit():
            return Verdict.UNKNOWN, "not set on this server", "preload timescaledb"
        if int(value) < least:
            return Verdict.WARNING, f"{value}, should be {least} or more", f"set it to {least}"
        return Verdict.OK, value, ""

    def _backup_dir(self) -> _Answer:
        directory = self.target.backup_dir
        files = self.cluster.backups(directory)
        reader = DumpReader(self.host, self.container().id, self.target.exec_user)
        permissions = reader.permissions(directory)
        if permissions.writable_by_others and not self.target.allow_writable_backups:
            return (
                Verdict.FAILED,
                f"{directory} may be written by group or others (mode {permissions.mode:o}); "
                "a dump is code that runs as superuser",
                f"chmod go-w {directory}, or set allow_writable_backups = true",
            )
        return Verdict.OK, f"{directory} holds {len(files)} entries", ""


def _ask(name: str, question: Callable[[], _Answer], remedy: str) -> Check:
    try:
        verdict, evidence, own_remedy = question()
    except TsbotError as error:
        return Check(name, Verdict.FAILED, str(error), remedy)
    if verdict is Verdict.OK:
        return Check(name, verdict, evidence)
    return Check(name, verdict, evidence, own_remedy or remedy)
