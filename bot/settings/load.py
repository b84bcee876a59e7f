"""From the two sources to one frozen value, or to the list of all mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr, ValidationError

from bot.core.approvals import ApprovalRules
from bot.core.errors import SettingsInvalid
from bot.core.models import Target
from bot.settings import dsn
from bot.settings.model import (
    DockerSettings,
    Settings,
    SlackSettings,
    TargetSettings,
    mistakable,
)
from bot.settings.problems import sentences
from bot.settings.schema import Document
from bot.settings.sections import ApprovalSection, SlackSection
from bot.settings.sources import read, settings_path
from bot.settings.target_section import TargetSection


def load_settings(path: Path | None = None) -> Settings:
    """Read, check and freeze all settings.

    Args:
        path: the file; None takes ``TSBOT_CONFIG``, else ``tsbot.toml`` in the working directory.

    Raises:
        SettingsInvalid: with one line for each mistake, all of them at once.
    """
    file = settings_path(path)
    reading = read(file)
    document, found = _validate(reading.data)
    missing = tuple(f"{name}: missing" for name in reading.refused)
    problems = [line for line in found if not line.startswith(missing)]
    if document is None or reading.problems:
        raise SettingsInvalid("\n".join([*reading.problems, *problems]))
    targets = {name: _target(name, section) for name, section in document.targets.items()}
    return Settings(
        path=file,
        slack=_slack(document.slack),
        approval=_rules(document.approval),
        audit_path=Path(document.audit.path),
        targets=MappingProxyType(targets),
        warnings=(*reading.warnings, *_unwise(document), *_mistakable(targets)),
        witness=document.audit.witness,
    )


def _validate(data: dict[str, object]) -> tuple[Document | None, list[str]]:
    try:
        return Document.model_validate(data), []
    except ValidationError as error:
        return None, sentences(error)


def _slack(section: SlackSection) -> SlackSettings:
    return SlackSettings(
        mode=section.mode,
        api_url=section.api_url,
        channels=_distinct(section.channels),
        requesters=_distinct(section.requesters),
        http_host=section.http_host,
        http_port=section.http_port,
        bot_token=section.bot_token,
        app_token=section.app_token,
        signing_secret=section.signing_secret,
    )


def _rules(section: ApprovalSection) -> ApprovalRules:
    return ApprovalRules(
        approvers=_distinct(section.approvers),
        quorum=section.quorum,
        timeout=section.timeout,
        grace=section.grace,
        self_approval=section.self_approval,
    )


def _target(name: str, section: TargetSection) -> TargetSettings:
    uri = section.dsn.get_secret_value()
    if section.password is not None:
        uri = dsn.with_password(uri, section.password.get_secret_value())
    tls = section.tls
    return TargetSettings(
        target=Target(
            name=name,
            database=section.database,
            container=section.container,
            backup_dir=section.backup_dir,
            applications=section.applications,
            extensions=section.extensions,
            strategy=section.strategy,
            gate=section.gate,
            ownership=section.ownership,
            superuser=section.superuser,
            exec_user=section.exec_user,
            stop_timeout=int(section.stop_timeout.total_seconds()),
            restart_timeout=int(section.restart_timeout.total_seconds()),
            worker_timeout=int(section.worker_timeout.total_seconds()),
            restart=section.restart,
            job_proof_timeout=int(section.job_proof_timeout.total_seconds()),
            allow_writable_backups=section.allow_writable_backups,
            restore_jobs=section.restore_jobs,
            disk_floor=section.disk_floor,
            count_rows=section.count_rows,
            job_owners=section.job_owners,
            keep_previous_for=section.keep_previous_for,
            keep_previous_max=section.keep_previous_max,
            trusted_backups=section.trusted_backups,
        ),
        dsn=SecretStr(uri),
        maintenance_database=dsn.parse(uri).database,
        docker=DockerSettings(
            url=section.docker,
            tls_ca=Path(tls.ca) if tls else None,
            tls_cert=Path(tls.cert) if tls else None,
            tls_key=Path(tls.key) if tls else None,
        ),
    )


def _mistakable(targets: Mapping[str, TargetSettings]) -> list[str]:
    return [
        f"targets.{name}: its password is a word of the settings as well, such as a name, and so "
        "is not kept out of the log; choose another password"
        for name in sorted(mistakable(targets))
    ]


def _distinct(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _unwise(document: Document) -> list[str]:
    """What is allowed and yet opens a door; the operator should have meant it."""
    approval = document.approval
    warnings = []
    if approval.self_approval and approval.quorum == 1:
        warnings.append("approval.self_approval = true with quorum = 1: one person decides alone")
    for name, target in document.targets.items():
        if target.allow_writable_backups:
            warnings.append(
                f"targets.{name}.allow_writable_backups = true: "
                "who can write a dump there can become superuser"
            )
        if target.docker.startswith("tcp://") and target.docker_plain:
            warnings.append(
                f"targets.{name}.docker_plain = true: who reaches {target.docker} controls it"
            )
    return warnings
