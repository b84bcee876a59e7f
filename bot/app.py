"""The composition root: settings in, everything wired, and closed again in reverse."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost, TlsFiles
from bot.adapters.postgres import PostgresCluster
from bot.adapters.witness import FileWitness, PatientWitness, WebhookWitness
from bot.core import events as ev
from bot.core.audit import Draft, Head, Phase, Query
from bot.core.bench import Bench
from bot.core.errors import AuditUnavailable
from bot.core.heads import head_of
from bot.core.journal import Journal
from bot.core.ports import Clock, Presenter, Witness
from bot.core.redaction import Secrets
from bot.settings import DockerSettings, Settings, TargetSettings, secret_values

logger = logging.getLogger(__name__)

_WITNESS_WITHIN = 5.0
"""Seconds the last heads have to reach the second witness when tsbot ends."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the command line and the Slack bot have in common."""

    settings: Settings
    clock: Clock
    store: AuditStore
    benches: Mapping[str, Bench]


@contextmanager
def base(settings: Settings) -> Iterator[Base]:
    """Open the audit log and prepare a bench for each target.

    Raises:
        AuditUnavailable: the log cannot be opened; nothing may run without it.
    """
    clock = SystemClock()
    store = AuditStore(settings.audit_path, clock, Secrets(secret_values(settings)).clean)
    try:
        benches = {name: bench(one, clock) for name, one in settings.targets.items()}
        yield Base(settings, clock, store, benches)
    finally:
        store.close()


@contextmanager
def witnessing(parts: Base, presenter: Presenter) -> Iterator[Witness | None]:
    """Hand heads to the second witness, as long as the context lasts; None where there is none.

    Args:
        parts: settings and log.
        presenter: shown when the witness does not take a head.
    """
    where = parts.settings.witness
    if not where:
        yield None
        return
    taker = FileWitness(Path(where)) if where.startswith("/") else WebhookWitness(where)
    journal = Journal(parts.store.log, presenter, Draft("witness", Phase.NOTE), parts.clock)

    def on_trouble(head: Head, sentence: str) -> None:
        if not head.run_id:
            return  # of the start, which no run's card is about; the process's own log has it
        try:
            journal.record(
                ev.HeadNotWitnessed(
                    run_id=head.run_id, at=parts.clock.now(), entry=head.entry, sentence=sentence
                )
            )
        except AuditUnavailable as error:
            logger.warning("nor is that in the audit log: %s", error)

    witness = PatientWitness(taker, on_trouble)
    for last in parts.store.log.entries(Query(newest=1)):  # of what a crash left without a head
        witness.note(replace(head_of(last), run_id=""))
    try:
        yield witness
    finally:
        witness.close(_WITNESS_WITHIN)


def bench(one: TargetSettings, clock: Clock) -> Bench:
    """Return the bench of one target; nothing is connected yet."""
    host = DockerHost(one.docker.url, tls=_tls(one.docker))
    return Bench(one.target, host, PostgresCluster(one.dsn.get_secret_value()), clock)


def _tls(docker: DockerSettings) -> TlsFiles | None:
    if docker.tls_ca is None or docker.tls_cert is None or docker.tls_key is None:
        return None
    return TlsFiles(str(docker.tls_ca), str(docker.tls_cert), str(docker.tls_key))
