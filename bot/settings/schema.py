"""The whole of the settings, file and environment joined, and what must hold across targets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, field_validator

from bot.settings import values
from bot.settings.sections import ApprovalSection, AuditSection, Section, SlackSection
from bot.settings.target_section import TargetSection


class Document(Section):
    """The whole of the settings."""

    slack: SlackSection = SlackSection()
    approval: ApprovalSection = ApprovalSection()
    audit: AuditSection = AuditSection()
    targets: dict[Annotated[str, AfterValidator(values.target_name)], TargetSection]

    @field_validator("targets")
    @classmethod
    def _are_different(cls, value: dict[str, TargetSection]) -> dict[str, TargetSection]:
        if not value:
            raise ValueError("is empty; begin one with [targets.NAME]")
        seen: dict[tuple[object, ...], str] = {}
        for name, target in value.items():
            for identity in (*target.identities(), (variable_part(name),)):
                other = seen.setdefault(identity, name)
                if other != name:
                    raise ValueError(_clash(name, other, identity))
        return value


def _clash(name: str, other: str, identity: tuple[object, ...]) -> str:
    if len(identity) == 1:
        return f"{other} and {name} would share TSBOT_TARGET_{identity[0]}_…; rename one"
    return f"{other} and {name} are the same database of the same server; keep one of them"


def variable_part(target: str) -> str:
    """Return a target's name as environment variables have it: upper case, ``-`` as ``_``."""
    return target.upper().replace("-", "_")
