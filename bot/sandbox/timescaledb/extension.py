"""The stand-in as an extension: its control file and its script, put together from themes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NAME = "timescaledb"
VERSION = "2.22.1"
"""The version whose catalog the stand-in imitates; dumps name it as theirs."""

THEMES = ("catalog", "hypertables", "aggregates", "jobs", "views", "restore")
"""In the order of their dependencies."""

CONTROL = f"""\
comment = 'STAND-IN for TimescaleDB {VERSION}, in plain SQL, for a sandbox only'
default_version = '{VERSION}'
relocatable = false
superuser = true
"""

SETTINGS = {
    "timescaledb.license": "stand-in",
    "timescaledb.max_background_workers": "16",
    "timescaledb.restoring": "off",
    "timescaledb.telemetry_level": "off",
}
"""Lines of postgresql.conf without which SHOW and ALTER SYSTEM would not know the names."""


def install(directory: Path) -> None:
    """Write the extension where CREATE EXTENSION looks for it."""
    sources = files("bot.sandbox.timescaledb") / "sql"
    script = "\n".join((sources / f"{theme}.sql").read_text("utf-8") for theme in THEMES)
    (directory / f"{NAME}.control").write_text(CONTROL, "utf-8")
    (directory / f"{NAME}--{VERSION}.sql").write_text(script, "utf-8")
