"""Every setting with its default and meaning, taken from the schema, so that docs can be tested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.settings.sections import ApprovalSection, AuditSection, SlackSection
from bot.settings.target_section import TargetSection, TlsSection
from bot.settings.values import Bytes, duration_text, size_text

_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("slack", SlackSection),
    ("approval", ApprovalSection),
    ("audit", AuditSection),
    ("targets.NAME", TargetSection),
    ("targets.NAME.tls", TlsSection),
)


@dataclass(frozen=True, slots=True)
class DocumentedKey:
    """One setting, as the README lists it.

    Args:
        name: ``section.key`` in the file (targets as ``targets.NAME.key``), or a variable's name.
        default: as the file would have it; empty where the key must be given or has no default.
        description: what it does.
        variable: whether it is a variable of the environment.
    """

    name: str
    default: str
    description: str
    variable: bool = False

    @property
    def key(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


def _variable(name: str, description: str, default: str = "") -> DocumentedKey:
    return DocumentedKey(name, default, description, variable=True)


_VARIABLES = (
    _variable("TSBOT_CONFIG", "the settings file, where --config is not given", "tsbot.toml"),
    _variable("SLACK_API_URL", "the Web API; goes before slack.api_url"),
    *(
        _variable(name + suffix, meaning + where)
        for name, meaning in (
            ("SLACK_BOT_TOKEN", "the bot token, xoxb-…"),
            ("SLACK_APP_TOKEN", "the app-level token, xapp-…, for mode socket"),
            ("SLACK_SIGNING_SECRET", "the app's signing secret, for mode http"),
            ("TSBOT_TARGET_<NAME>_DSN", "a target's whole DSN, with or without password"),
            ("TSBOT_TARGET_<NAME>_PASSWORD", "the password for a DSN without one"),
        )
        for suffix, where in (("", ""), ("_FILE", "; here: a file that holds it alone"))
    ),
)


def documented_keys() -> tuple[DocumentedKey, ...]:
    """Return every key of the file, then every variable; secrets are variables only."""
    keys = [
        DocumentedKey(f"{section}.{name}", _default(field), field.description)
        for section, model in _SECTIONS
        for name, field in model.model_fields.items()
        if field.description  # secrets have none: they are no keys of the file
    ]
    return (*keys, *_VARIABLES)


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required() or value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, timedelta):
        return f'"{duration_text(value)}"'
    if isinstance(value, Bytes):
        return f'"{size_text(value)}"'
    if isinstance(value, StrEnum):
        return f'"{value.value}"'
    return json.dumps(value)
