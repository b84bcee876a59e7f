"""Whether a target's engine, container and server are what the settings say; changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bot.core.dump import DumpReader
from bot.core.errors import ContainerNotFound, Refused
from bot.core.extension_versions import TIMESCALEDB
from bot.core.inquiry import Answer, Inquiry
from bot.core.models import Check, Container, Target, Verdict
from bot.core.ports import Cluster, ContainerHost
from bot.core.status import THRESHOLDS
from bot.core.steps.database import PG_CRON
from bot.core.trust import Place, open_to_others, places_of
from bot.core.wording import counted

Ask = Callable[..., Check]

ENGINE, CONTAINER, SERVER = "Docker engine", "database container", "PostgreSQL"

PRELOADED = (TIMESCALEDB, PG_CRON)
"""Extensions that only work as shared_preload_libraries. Sources: each one's documentation."""

WORKERS = ("timescaledb.max_background_workers", "max_parallel_workers")
OTHER_WORKERS = 3
"""What max_worker_processes must cover: both settings, and so many more.

Source: TimescaleDB's documentation, "Manage background workers".
"""


@dataclass(frozen=True, slots=True)
class ServerChecks:
    """Looks at one target.

    Args:
        target: what the settings say.
        host: its engine.
        cluster: its server.
        strict: look at more than a restore needs, and let thresholds fail; for `tsbot check`.
    """

    target: Target
    host: ContainerHost
    cluster: Cluster
    strict: bool = False

    def run(self) -> Iterator[Check]:
        """Yield what a restore needs, one check a question; changes nothing."""
        ask = Inquiry().ask
        yield ask(ENGINE, self._engine, "see that the engine runs and can be reached")
        yield ask(CONTAINER, self._container, "start it, or correct its name", ENGINE)
        yield ask(SERVER, self._server, "see that it runs and that the DSN is right")
        same = "let DSN and container name the same server"
        yield ask("one server", self._one_server, same, CONTAINER, SERVER)
        install = "install them in the image, or correct the list"
        yield ask("extensions", self._extensions, install, SERVER)
        for name, least in THRESHOLDS.items():
            raise_it = f"set it to {least} or more and restart PostgreSQL"
            yield ask(name, partial(self._threshold, name, least), raise_it, SERVER)
        more = "raise max_worker_processes and restart PostgreSQL"
        yield ask("worker processes", self._workers, more, SERVER)
        more = "raise timescaledb.max_background_workers and restart PostgreSQL"
        yield ask("schedulers", self._schedulers, more, SERVER)
        yield ask("backup directory", self._backup_dir, "correct backup_dir", CONTAINER, SERVER)
        if self.strict:
            yield from self._beyond(ask)

    def _beyond(self, ask: Ask) -> Iterator[Check]:
        """Yield what does not keep anybody from restoring, and yet should be right."""
        preload = "add it in postgresql.conf and restart PostgreSQL"
        yield ask("preloaded libraries", self._preloaded, preload, SERVER)
        if PG_CRON in self.target.extensions:
            bind = f"set cron.database_name = '{self.target.database}' and restart PostgreSQL"
            yield ask("pg_cron", self._cron, bind, SERVER)
        correct = "correct `applications`, or create them"
        yield ask("application containers", self._applications, correct, ENGINE)

    def container(self) -> Container:
        """Return the running database container.

        Raises:
            Refused: it is stopped.
        """
        found = self.host.find(self.target.container)
        if not found.running:
            raise Refused("container_down", f"container {found.name} is not running; start it.")
        return found

    def _engine(self) -> Answer:
        return Verdict.OK, f"version {self.host.ping()}", ""

    def _container(self) -> Answer:
        found = self.container()
        return Verdict.OK, f"{found.name} ({found.id[:12]}) is running", ""

    def _server(self) -> Answer:
        server = self.cluster.identity()
        evidence = f"PostgreSQL {server.version} as {server.user}"
        if server.pooled:
            return Verdict.FAILED, "the DSN leads to a connection pooler", "connect directly"
        if server.in_recovery:
            return Verdict.FAILED, f"{evidence}: a standby", "let the DSN name the primary"
        if not server.superuser:
            return Verdict.FAILED, f"{evidence}: no superuser", "use a superuser in the DSN"
        return Verdict.OK, f"{evidence}, superuser, primary, direct", ""

    def _one_server(self) -> Answer:
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

    def _extensions(self) -> Answer:
        available = self.cluster.available_extensions()
        missing = [name for name in self.target.extensions if name not in available]
        if missing:
            return Verdict.FAILED, f"not in the image: {', '.join(missing)}", ""
        return Verdict.OK, f"all {len(self.target.extensions)} are in the image", ""

    def _threshold(self, name: str, least: int) -> Answer:
        value = self._number(name)
        if value is None:
            return Verdict.FAILED, "not set on this server", "preload timescaledb"
        if value < least:
            verdict = Verdict.FAILED if self.strict else Verdict.WARNING
            return verdict, f"{name} is {value}, should be {least} or more", ""
        return Verdict.OK, str(value), ""

    def _preloaded(self) -> Answer:
        value = self.cluster.setting("shared_preload_libraries") or ""
        loaded = [name.strip().strip('"') for name in value.split(",") if name.strip()]
        wanted = [name for name in PRELOADED if name in self.target.extensions]
        missing = [name for name in wanted if name not in loaded]
        if missing:
            lacking = ", ".join(missing)
            return Verdict.FAILED, f"shared_preload_libraries lacks {lacking}", ""
        return Verdict.OK, ", ".join(loaded), ""

    def _workers(self) -> Answer:
        numbers = [self._number(name) for name in ("max_worker_processes", *WORKERS)]
        have, ours, parallel = numbers
        if have is None or ours is None or parallel is None:
            return Verdict.UNKNOWN, "a setting of the sum is not set", "preload timescaledb"
        needed = OTHER_WORKERS + ours + parallel
        total = f"{OTHER_WORKERS} + {ours} ({WORKERS[0]}) + {parallel} ({WORKERS[1]}) = {needed}"
        if have < needed:
            evidence = f"max_worker_processes is {have}, less than {total}"
            return Verdict.WARNING, evidence, f"set it to {needed} and restart PostgreSQL"
        return Verdict.OK, f"max_worker_processes is {have}, at least {total}", ""

    def _schedulers(self) -> Answer:
        """While the old and the restored database stand side by side each has one, and one more
        slot is the least for a job."""
        slots = self._number(WORKERS[0])
        if slots is None:
            return Verdict.UNKNOWN, f"{WORKERS[0]} is not set", "preload timescaledb"
        databases = sum(door.open and not door.template for door in self.cluster.doors())
        needed = databases + 1 + 1
        total = f"{databases} databases + 1 being restored + 1 job = {needed}"
        if slots < needed:
            return Verdict.WARNING, f"{WORKERS[0]} is {slots}, less than {total}", ""
        return Verdict.OK, f"{WORKERS[0]} is {slots}, at least {total}", ""

    def _cron(self) -> Answer:
        home = self.cluster.setting("cron.database_name")
        if home == self.target.database:
            return Verdict.OK, f"belongs to {home}", ""
        evidence = f"cron.database_name is {home or 'not set'}, so a restore leaves pg_cron out"
        return Verdict.FAILED, evidence, ""

    def _applications(self) -> Answer:
        found, missing = [], []
        for ref in self.target.applications:
            try:
                found.append(self.host.find(ref).name)
            except ContainerNotFound:
                missing.append(str(ref))
        if missing:
            return Verdict.FAILED, f"missing: {', '.join(missing)}", ""
        return Verdict.OK, ", ".join(found) or "none are named", ""

    def _number(self, name: str) -> int | None:
        value = self.cluster.setting(name)
        return int(value) if value is not None and value.isdigit() else None

    def _backup_dir(self) -> Answer:
        directory = self.target.backup_dir
        files = self.cluster.backups(directory)
        reader = DumpReader(self.host, self.container().id, self.target.exec_user)
        allowed = self.target.allow_writable_backups
        own, *way = places_of(reader, directory)
        if own.writable_by_others and not allowed:
            return _writable(own)
        ajar = next(open_to_others(way), None)
        if ajar is not None and not allowed:
            verdict, evidence, remedy = _writable(ajar)
            return verdict, f"{directory} can be replaced: {evidence}", remedy
        return Verdict.OK, f"{directory} holds {counted(len(files), 'entry', 'entries')}", ""


def _writable(place: Place) -> Answer:
    return (
        Verdict.FAILED,
        f"{place.path} may be written by group or others (mode {place.mode:o}); "
        "a dump is code that runs as superuser",
        f"chmod go-w {place.path}, or set allow_writable_backups = true",
    )
