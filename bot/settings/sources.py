"""Reads the file and the environment, through pydantic-settings; validates neither.

Secrets come from the environment, or from a file that ``…_FILE`` names; one found in tsbot.toml
is a mistake and is taken out before anything could print it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource

from bot.core.errors import SettingsInvalid
from bot.settings.problems import nearest
from bot.settings.schema import variable_part

Key = tuple[str, ...]

SLACK_VARIABLES: Mapping[str, str] = {
    "SLACK_BOT_TOKEN": "bot_token",
    "SLACK_APP_TOKEN": "app_token",
    "SLACK_SIGNING_SECRET": "signing_secret",
}

_PREFIX = "TSBOT_TARGET_"
_SECRET_KEY = re.compile(r"passw|pwd|secret|token|passphrase|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"xox[a-z]-|xapp-|://[^@/]*:[^@]+@")
_MOUNTED_SECRETS = Path("/run/secrets")  # readable by all inside a container, but only there


@dataclass
class Reading:
    """What was read so far, and what was wrong with it."""

    data: dict[str, object] = field(default_factory=dict, repr=False)
    refused: set[str] = field(default_factory=set)  # keys taken out, not to be called missing
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def settings_path(given: Path | None) -> Path:
    """Return ``--config``, else ``TSBOT_CONFIG``, else ``tsbot.toml`` in the working directory."""
    return given or Path(os.environ.get("TSBOT_CONFIG") or "tsbot.toml")


def read(path: Path) -> Reading:
    """Read both sources into one tree, the environment over the file.

    Raises:
        SettingsInvalid: where the file is missing or is not TOML, so that nothing can be read.
    """
    reading = Reading()
    reading.data = _without_secrets((), _read_toml(path), reading)
    targets = reading.data.get("targets")
    names = list(targets) if isinstance(targets, dict) else []
    variables = EnvSettingsSource(BaseSettings, case_sensitive=True, env_ignore_empty=True).env_vars
    present = {name: value for name, value in variables.items() if value is not None}
    for name, key in _variables(names).items():
        value = _secret(name, present, reading)
        if value:
            _put(reading.data, key, value)
    if api_url := present.get("SLACK_API_URL"):
        _put(reading.data, ("slack", "api_url"), api_url)
    reading.problems += _strays(present, _variables(names))
    return reading


def _read_toml(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise SettingsInvalid(
            f"{path}: no such file; give --config or TSBOT_CONFIG, or copy tsbot.example.toml"
        )
    try:
        return dict(TomlConfigSettingsSource(BaseSettings, toml_file=path).toml_data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = error if isinstance(error, tomllib.TOMLDecodeError) else "must be UTF-8"
        raise SettingsInvalid(f"{path}: not TOML: {where}") from None
    except OSError as error:
        raise SettingsInvalid(f"{path}: cannot be read: {error.strerror}") from None


def _variables(targets: Iterable[str]) -> dict[str, Key]:
    known: dict[str, Key] = {name: ("slack", key) for name, key in SLACK_VARIABLES.items()}
    for target in targets:
        for kind in ("dsn", "password"):
            known[target_variable(target, kind)] = ("targets", target, kind)
    return known


def target_variable(target: str, kind: str) -> str:
    """Return the variable for a target's ``dsn`` or ``password``."""
    return f"{_PREFIX}{variable_part(target)}_{kind.upper()}"


def _without_secrets(at: Key, table: dict[str, object], reading: Reading) -> dict[str, object]:
    """Copy a table without what looks like a secret; each one found is a problem."""
    kept: dict[str, object] = {}
    for name, value in table.items():
        key = (*at, name)
        if isinstance(value, dict):
            kept[name] = _without_secrets(key, value, reading)
        elif _SECRET_KEY.search(name) or _holds_secret(value):
            reading.refused.add(".".join(key))
            reading.problems.append(
                f"{'.'.join(key)}: a secret does not belong in this file (value not shown); "
                f"set {_instead(key)}, and treat this one as known to others"
            )
        else:
            kept[name] = value
    return kept


def _holds_secret(value: object) -> bool:
    if isinstance(value, list):
        return any(_holds_secret(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_secret(item) for item in value.values())
    return isinstance(value, str) and bool(_SECRET_VALUE.search(value))


def _instead(key: Key) -> str:
    if key[0] == "targets" and len(key) > 2:
        name = target_variable(key[1], "password")
    else:
        by_key = {field: variable for variable, field in SLACK_VARIABLES.items()}
        name = by_key.get(key[-1], "") or nearest(key[-1].upper(), SLACK_VARIABLES)
    return f"{name} or {name}_FILE" if name else "it in the environment"


def _secret(name: str, present: Mapping[str, str], reading: Reading) -> str:
    """Return a variable's value or its file's content; empty where neither is usable."""
    file = present.get(f"{name}_FILE")
    if file is None:
        return present.get(name, "")
    if name in present:
        reading.problems.append(f"{name}: given twice, also as {name}_FILE; keep one of them")
        return ""
    path = Path(file)
    shown = f"{name}_FILE" + (f" = {file}" if path.is_absolute() else "")  # it may be the secret
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        reading.problems.append(f"{shown}: cannot be read: {why}")
        return ""
    if not text:
        reading.problems.append(f"{shown}: is empty; it must hold the secret alone")
    if mode & stat.S_IROTH and _MOUNTED_SECRETS not in path.parents:
        reading.warnings.append(f"{shown}: others can read it; chmod 640 or stricter")
    return text


def _put(data: dict[str, object], key: Key, value: str) -> None:
    """Set a value in a tree; a table that is no table is left for validation to report."""
    for part in key[:-1]:
        below = data.setdefault(part, {})
        if not isinstance(below, dict):
            return
        data = below
    data[key[-1]] = value


def _strays(present: Iterable[str], known: Mapping[str, Key]) -> list[str]:
    """Variables meant for a target that none of the targets has: most likely a misspelling."""
    allowed = {*known, *(f"{name}_FILE" for name in known)}
    strays = sorted(n for n in present if n.startswith(_PREFIX) and n not in allowed)
    lines = []
    for name in strays:
        close = nearest(name, allowed)
        hint = f"did you mean {close}?" if close else "no target has that name"
        lines.append(f"{name}: belongs to no target; {hint}")
    return lines
