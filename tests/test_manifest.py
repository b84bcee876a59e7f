"""The app manifest holds what the code registers and asks for, within Slack's limits."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bot.core.errors import SettingsInvalid
from bot.core.permissions import COMMANDS
from bot.manifest import APP_TOKEN_SCOPES, BOT_EVENTS, SCOPES, manifest_yaml

# https://docs.slack.dev/reference/app-manifest
LIMITS = {"name": 35, "description": 140, "command": 32, "command_description": 2000, "hint": 1000}

EVENT_NEEDS = {
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "app_mention": "app_mentions:read",
}


def read(base_url: str = "") -> Any:
    return yaml.safe_load(manifest_yaml(base_url))


def test_it_lists_exactly_the_commands_of_the_table() -> None:
    listed = {c["command"]: c for c in read()["features"]["slash_commands"]}
    assert list(listed) == [spec.name for spec in COMMANDS]
    for spec in COMMANDS:
        assert listed[spec.name]["description"] == spec.description
        assert listed[spec.name].get("usage_hint", "") == spec.usage


def test_people_in_arguments_arrive_as_ids() -> None:
    assert all(c["should_escape"] for c in read()["features"]["slash_commands"])


def test_it_asks_for_the_scopes_of_the_table_each_with_a_reason() -> None:
    assert read()["oauth_config"]["scopes"] == {"bot": list(SCOPES)}
    assert all(SCOPES.values())


def test_scopes_of_the_app_level_token_are_not_asked_of_the_bot() -> None:
    assert not APP_TOKEN_SCOPES.keys() & SCOPES.keys()


def test_every_subscribed_event_has_the_scope_it_needs() -> None:
    assert read()["settings"]["event_subscriptions"]["bot_events"] == list(BOT_EVENTS)
    assert {EVENT_NEEDS[event] for event in BOT_EVENTS} <= SCOPES.keys()


def test_socket_mode_has_no_addresses() -> None:
    text = manifest_yaml()
    assert "url" not in text
    assert read()["settings"]["socket_mode_enabled"] is True


@pytest.mark.parametrize("base", ["https://tsbot.example.org", "https://tsbot.example.org/"])
def test_http_mode_has_one_address_everywhere(base: str) -> None:
    found = read(base)
    url = "https://tsbot.example.org/slack/events"
    settings = found["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == url
    assert settings["interactivity"] == {"is_enabled": True, "request_url": url}
    assert {c["url"] for c in found["features"]["slash_commands"]} == {url}


@pytest.mark.parametrize("base", ["http://tsbot.example.org", "tsbot", "https://", "https://[x"])
def test_an_address_slack_would_not_call_is_refused(base: str) -> None:
    with pytest.raises(SettingsInvalid, match="must be an https:// address"):
        manifest_yaml(base)


def test_org_wide_deployment_and_token_rotation_are_off() -> None:
    settings = read()["settings"]
    assert settings["org_deploy_enabled"] is False
    assert settings["token_rotation_enabled"] is False


def test_every_text_is_within_slacks_limits() -> None:
    found = read()
    information = found["display_information"]
    assert len(information["name"]) <= LIMITS["name"]
    assert len(information["description"]) <= LIMITS["description"]
    for command in found["features"]["slash_commands"]:
        assert command["command"].startswith("/")
        assert len(command["command"]) <= LIMITS["command"]
        assert 0 < len(command["description"]) <= LIMITS["command_description"]
        assert len(command.get("usage_hint", "")) <= LIMITS["hint"]
