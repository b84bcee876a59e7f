"""What the sandbox's servers are set to: small, quick, for loopback only."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bot.sandbox.timescaledb.extension import SETTINGS

MAP = "sandbox"

_PARALLEL = 4
_WORKERS = int(SETTINGS["timescaledb.max_background_workers"])


def write_configuration(data: Path, sockets: Path, port: int, clients: Collection[str]) -> None:
    """Write postgresql.conf's last lines, pg_hba.conf and pg_ident.conf.

    Args:
        data: the data directory, as initdb has left it.
        sockets: where the socket goes.
        port: on 127.0.0.1.
        clients: the operating system's users that the socket lets in, as any role.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(sockets),
        "max_connections": "60",
        "max_parallel_workers": str(_PARALLEL),
        # What TimescaleDB's documentation asks for: 3 and both kinds of workers.
        "max_worker_processes": str(3 + _WORKERS + _PARALLEL),
        # The stand-in's schedulers are sessions of this kind, see timescaledb/scheduler.py.
        "max_wal_senders": str(_WORKERS + 4),
        "shared_buffers": "32MB",
        # The data ends with the sandbox: nothing has to survive a crash of the machine.
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "log_timezone": "UTC",
        "timezone": "UTC",
        **SETTINGS,
    }
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
    hba = (
        f"local all all peer map={MAP}\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )  # fmt: skip
    (data / "pg_hba.conf").write_text(hba, "utf-8")
    (data / "pg_ident.conf").write_text(
        "".join(f'{MAP} "{client}" all\n' for client in sorted(clients)), "utf-8"
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
