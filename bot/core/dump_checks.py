"""Whether a dump fits its server: versions, libraries, extensions, roles, and pg_cron's home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.backups import ReadBackup
from bot.core.cron import CronJob
from bot.core.extension_versions import TIMESCALEDB, version_after
from bot.core.inquiry import Answer, Inquiry, reading
from bot.core.models import Check, Ownership, Target, Verdict
from bot.core.ports import Cluster
from bot.core.steps.database import PG_CRON
from bot.core.wording import counted


@dataclass(frozen=True, slots=True)
class DumpChecks:
    """Holds one dump against one server; changes nothing."""

    target: Target
    cluster: Cluster
    read: ReadBackup

    def run(self) -> Iterator[Check]:
        """Yield one check a question."""
        ask = Inquiry().ask
        see = "see why it cannot be read, then ask again"
        for name, question in (
            ("PostgreSQL version", self._postgres),
            ("TimescaleDB version", self._timescaledb),
            ("TimescaleDB edition", self._edition),
            ("extensions of the dump", self._extensions),
            ("roles of the dump", self._roles),
        ):
            yield ask(name, reading(question), see)
        if PG_CRON in self.read.toc.extensions():
            yield ask("pg_cron", reading(self._cron), see)

    def _postgres(self) -> Answer:
        theirs, server = self.read.backup.postgres_version, self.cluster.identity()
        major = theirs.split(".", 1)[0]
        if not major.isdigit():
            return Verdict.UNKNOWN, "the dump does not say", "make it with pg_dump -Fc"
        if int(major) > server.version_num // 10000:
            evidence = f"the dump is from {theirs}, the server is {server.version}"
            return Verdict.FAILED, evidence, "restore it on a server at least as new"
        return Verdict.OK, f"dump {theirs}, server {server.version}", ""

    def _timescaledb(self) -> Answer:
        """The extension's script may be there without its library, as in an image cut too small."""
        version = self.read.manifest.timescaledb_version
        if not version:
            return Verdict.WARNING, "the dump holds no TimescaleDB catalog", ""
        available = self.cluster.available_extensions().get(TIMESCALEDB, frozenset())
        if version not in available:
            shown = ", ".join(sorted(available)) or "none"
            evidence = f"the dump is from {version}, the image has {shown}"
            return Verdict.FAILED, evidence, f"use an image that ships {version}"
        libraries, after = self.cluster.libraries(), version_after(self.cluster, version)
        for needed in filter(None, (version, after)):
            if _LOADER in libraries and f"timescaledb-{needed}.so" not in libraries:
                evidence = f"the image has {needed}'s script and not its library"
                return Verdict.FAILED, evidence, f"use an image that ships {needed}"
        if after:
            return Verdict.OK, f"{version} is in the image; updated to {after} afterwards", ""
        default = self.cluster.default_versions()[TIMESCALEDB]
        if default != version:
            evidence = f"the image's own version is {default}, to which no update leads"
            return Verdict.WARNING, f"{evidence}: TimescaleDB stays at {version}", ""
        return Verdict.OK, f"{version} is in the image", ""

    def _edition(self) -> Answer:
        """Only the community edition has the library behind policies and aggregates."""
        manifest = self.read.manifest
        needs = [f"{len(manifest.continuous_aggregates)} continuous aggregates"]
        needs = needs if manifest.continuous_aggregates else []
        policies = sum(job.procedure.startswith("policy_") for job in manifest.jobs)
        needs += [counted(policies, "policy", "policies")] if policies else []
        libraries = self.cluster.libraries()
        version = manifest.timescaledb_version
        wanted = {version, version_after(self.cluster, version) or version}
        lacking = not {f"timescaledb-tsl-{v}.so" for v in wanted} <= libraries
        if needs and _LOADER in libraries and lacking:
            evidence = f"the dump holds {' and '.join(needs)}, the image is the Apache edition"
            return Verdict.FAILED, evidence, "use an image with the community edition"
        return Verdict.OK, "it has what the dump needs", ""

    def _extensions(self) -> Answer:
        available = self.cluster.available_extensions()
        missing = [name for name in self.read.toc.extensions() if name not in available]
        return _none_missing(missing, "install them in the image")

    def _roles(self) -> Answer:
        as_in_dump = self.target.ownership is Ownership.DUMP
        owners = self.read.toc.owners() if as_in_dump else frozenset()
        remedy = 'create them, or set ownership = "guide" to do without'
        return _none_missing(sorted(owners - self.cluster.roles()), remedy)

    def _cron(self) -> Answer:
        jobs, database = self.read.manifest.cron, self.target.database
        held = counted(len(jobs), "job")
        home = self.cluster.setting("cron.database_name")
        if home != database:
            evidence = (
                f"cron.database_name is {home or 'not set'}, so the dump's pg_cron is left out "
                f"and its {held} will not run in {database}"
            )
            remedy = f"set cron.database_name = '{database}' and restart PostgreSQL before"
            return Verdict.WARNING, evidence, remedy
        roles = self.cluster.roles()
        homeless = sorted({job.user for job in jobs} - roles)
        if homeless:
            evidence = f"jobs of pg_cron belong to roles that are not here: {', '.join(homeless)}"
            return Verdict.WARNING, evidence, "create them, or those jobs will fail"
        away = [job for job in jobs if job.database not in {self.read.toc.database, database}]
        if away:
            return Verdict.WARNING, f"jobs of pg_cron run elsewhere: {_places(away)}", ""
        return Verdict.OK, f"belongs to {home}, the dump has {held}", ""


_LOADER = "timescaledb.so"
"""Where it is missing, timescaledb is no library at all and there is nothing to look for."""


def _places(jobs: list[CronJob]) -> str:
    return ", ".join(f"{job.id} in {job.database}" for job in jobs[:5])


def _none_missing(missing: list[str], remedy: str) -> Answer:
    if missing:
        return Verdict.FAILED, f"missing: {', '.join(missing)}", remedy
    return Verdict.OK, "all there", ""
