"""tsbot.toml and the environment, read once, as frozen values; nothing else reads either.

The order of work: ``sources`` reads both and keeps secrets out of the file, ``schema`` says what
is right (with ``values`` and ``dsn``), ``problems`` words what is wrong, ``load`` puts it together.
"""

from bot.settings.documentation import DocumentedKey, documented_keys
from bot.settings.load import load_settings
from bot.settings.model import (
    DockerSettings,
    Settings,
    SlackSettings,
    TargetSettings,
    secret_values,
)

__all__ = [
    "DockerSettings",
    "DocumentedKey",
    "Settings",
    "SlackSettings",
    "TargetSettings",
    "documented_keys",
    "load_settings",
    "secret_values",
]
