"""The composition root: settings in, everything wired, and closed again in reverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHost, TlsFiles
from bot.adapters.postgres import PostgresCluster
from bot.core.bench import Bench
from bot.core.ports import Clock
from bot.core.redaction import Secrets
from bot.settings import DockerSettings, Settings, TargetSettings, secret_values


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


def bench(one: TargetSettings, clock: Clock) -> Bench:
    """Return the bench of one target; nothing is connected yet."""
    host = DockerHost(one.docker.url, tls=_tls(one.docker))
    return Bench(one.target, host, PostgresCluster(one.dsn.get_secret_value()), clock)


def _tls(docker: DockerSettings) -> TlsFiles | None:
    if docker.tls_ca is None or docker.tls_cert is None or docker.tls_key is None:
        return None
    return TlsFiles(str(docker.tls_ca), str(docker.tls_cert), str(docker.tls_key))
