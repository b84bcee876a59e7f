"""What is read from the file and the environment, and what Slack needs of it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import SettingsInvalid
from bot.core.models import ContainerRef, Ownership, Strategy
from bot.settings import load_settings
from tests.settings.samples import MINIMAL, WITH_SLACK, Load, in_target, only_mistake


def test_a_file_with_one_target_and_nothing_else_is_enough(load: Load) -> None:
    settings = load()
    target = settings.targets["prod"]
    assert target.target.name == "prod"
    assert target.target.container == ContainerRef(name="ecoanp-db")
    assert target.target.strategy is Strategy.SWAP
    assert target.target.ownership is Ownership.DUMP
    assert target.maintenance_database == "postgres"
    assert target.docker.url == "unix:///var/run/docker.sock"
    assert settings.warnings == ()


def test_times_are_read_into_their_units(load: Load) -> None:
    text = MINIMAL + 'restart_timeout = "2h"\nstop_timeout = 7\n[approval]\ntimeout = "1h30m"\n'
    settings = load(text)
    assert settings.approval.timeout == timedelta(minutes=90)
    assert settings.targets["prod"].target.restart_timeout == 7200
    assert settings.targets["prod"].target.stop_timeout == 7


def test_containers_are_named_or_found_by_compose_service(load: Load) -> None:
    line = 'applications = ["web", { service = "jobs", project = "eco" }]'
    assert load(in_target(line)).targets["prod"].target.applications == (
        ContainerRef(name="web"),
        ContainerRef(service="jobs", project="eco"),
    )


def test_settings_cannot_be_changed_after_loading(load: Load) -> None:
    settings = load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.slack.mode = "http"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.targets["other"] = settings.targets["prod"]  # type: ignore[index]


def test_the_file_is_found_by_option_then_variable_then_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("option", "variable", "tsbot"):
        path = tmp_path / f"{name}.toml"
        path.write_text(MINIMAL.replace("[targets.prod]", f"[targets.{name}]"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert list(load_settings().targets) == ["tsbot"]
    monkeypatch.setenv("TSBOT_CONFIG", str(tmp_path / "variable.toml"))
    assert list(load_settings().targets) == ["variable"]
    assert list(load_settings(tmp_path / "option.toml").targets) == ["option"]


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"nowhere\.toml: no such file; .*example"):
        load_settings(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_toml_is_named_with_the_line(load: Load) -> None:
    assert "line 1" in only_mistake(load, "[slack\n")


def test_slack_api_url_of_the_environment_goes_before_the_file(load: Load) -> None:
    text = MINIMAL + '[slack]\napi_url = "https://slack.com/api/"\n'
    settings = load(text, SLACK_API_URL="http://127.0.0.1:8080/api")
    assert settings.slack.api_url == "http://127.0.0.1:8080/api/"


def test_the_same_id_listed_twice_counts_once(load: Load) -> None:
    text = MINIMAL + '[approval]\napprovers = ["U0BOB", "U0BOB"]\n'
    assert load(text).approval.approvers == ("U0BOB",)
    assert "can never be reached" in only_mistake(load, text + "quorum = 2\n")


def test_the_command_line_needs_no_slack(load: Load) -> None:
    settings = load()
    with pytest.raises(SettingsInvalid) as caught:
        settings.require_slack()
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "slack.channels",
        "approval.approvers",
    ]


def test_http_mode_needs_the_signing_secret_and_no_app_token(load: Load) -> None:
    text = MINIMAL + WITH_SLACK.replace("[slack]", '[slack]\nmode = "http"')
    settings = load(text, SLACK_BOT_TOKEN="xoxb-1")
    with pytest.raises(SettingsInvalid, match=r"^SLACK_SIGNING_SECRET: missing"):
        settings.require_slack()
    load(text, SLACK_SIGNING_SECRET="abc").require_slack()


def test_socket_mode_is_content_with_its_two_tokens(load: Load) -> None:
    settings = load(MINIMAL + WITH_SLACK, SLACK_BOT_TOKEN="xoxb-1", SLACK_APP_TOKEN="xapp-1")
    settings.require_slack()
    assert settings.slack.requesters == ("U0ALICE",)
