"""Puts what validation found into sentences: the key, the value unless secret, what is right."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.settings.schema import Document, variable_part
from bot.settings.sections import ApprovalSection, AuditSection, SlackSection
from bot.settings.target_section import TargetSection, TlsSection

_SECRETS: Mapping[str, str] = {
    "bot_token": "SLACK_BOT_TOKEN",
    "app_token": "SLACK_APP_TOKEN",
    "signing_secret": "SLACK_SIGNING_SECRET",
}
_NEVER_SHOWN = frozenset({*_SECRETS, "password", "dsn"})

_KINDS: Mapping[str, str] = {
    "string_type": "must be a string in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_too_short": "must not be empty",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}

Location = tuple[int | str, ...]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like this one, empty where none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def sentences(error: ValidationError) -> list[str]:
    """Return one line for each mistake, in the order of the file."""
    return [_sentence(detail) for detail in error.errors(include_url=False)]


def _sentence(detail: ErrorDetails) -> str:
    location = detail["loc"]
    kind = detail["type"]
    if location and location[-1] == "[key]":
        return f"{_name(location[:-1])}: as a target's name it {_reason(detail)}"
    if kind == "extra_forbidden":
        return f"{_name(location)}: {_unknown(location)}"
    if kind == "missing":
        return f"{_name(location)}: missing; {_meaning(location)}"
    hidden = str(location[-1]) in _NEVER_SHOWN or detail["input"] is None
    value = "" if hidden else _shown(detail["input"])
    return f"{_name(location)}{value}: {_reason(detail)}"


def _reason(detail: ErrorDetails) -> str:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in {"literal_error", "enum"}:
        near = nearest(str(detail["input"]), re.findall(r"'([^']+)'", context["expected"]))
        return f"must be {context['expected']}" + (f"; did you mean {near}?" if near else "")
    return _KINDS[kind].format(**context) if kind in _KINDS else detail["msg"]


def _name(location: Location) -> str:
    """Name a place as its owner knows it: a variable for a secret, else the key in the file."""
    leaf = location[-1]
    if leaf in _SECRETS:
        return _SECRETS[str(leaf)]
    if leaf == "password":
        return f"TSBOT_TARGET_{variable_part(str(location[1]))}_PASSWORD"
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name.removeprefix(".")


def _shown(value: object) -> str:
    """Return a value as the file has it, cut short; tables and anything like a login stay out."""
    if isinstance(value, dict | BaseModel):
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if re.search(r"://[^@]*:[^@]*@|xox[a-z]-|xapp-", text):
        return " (value not shown)"
    return f" = {text if len(text) <= 80 else text[:79] + '…'}"


def _unknown(location: Location) -> str:
    fields = _keys_beside(location)
    near = nearest(str(location[-1]), fields)
    hint = f"did you mean {near}?" if near else f"known here: {', '.join(fields)}"
    return f"unknown key; {hint}"


def _keys_beside(location: Location) -> list[str]:
    model = _model(location)
    return [name for name in model.model_fields if name not in {*_SECRETS, "password"}]


def _meaning(location: Location) -> str:
    if location == ("targets",):
        return "at least one [targets.NAME] is needed"
    field = _model(location).model_fields.get(str(location[-1]))
    return (field.description if field else "") or "it is needed"


def _model(location: Location) -> type[BaseModel]:
    """Return the section a place is in."""
    model: type[BaseModel] = Document
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        model = _SECTIONS.get(str(part), model) if field else model
    return model


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "slack": SlackSection,
    "approval": ApprovalSection,
    "audit": AuditSection,
    "targets": TargetSection,
    "tls": TlsSection,
}
